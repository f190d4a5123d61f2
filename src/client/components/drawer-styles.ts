/** The end of a drawer can be scrolled clear of the host's floating button, which lies above it. */
export const DRAWER_STYLES = { body: { paddingBottom: 112 } };
