/** antd's Descriptions: two columns wherever there is room. */
export const TWO_COLUMNS = { xs: 1, sm: 2, md: 2, lg: 2, xl: 2, xxl: 2 } as const;
