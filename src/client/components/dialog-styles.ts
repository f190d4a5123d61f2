import type { ModalProps } from 'antd';

/** A dialog that may be taller than the window: only its body scrolls, so that title and buttons stay in sight. */
export const TALL_DIALOG: Pick<ModalProps, 'style' | 'styles'> = {
  style: { top: 40 },
  styles: {
    content: { display: 'flex', flexDirection: 'column', maxHeight: 'calc(100vh - 64px)' },
    body: { flex: '0 1 auto', minHeight: 0, overflowY: 'auto' },
  },
};
