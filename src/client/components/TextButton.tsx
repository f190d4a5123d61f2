import { Typography } from 'antd';
import type { ComponentProps } from 'react';

/** A button that looks like a link in a text, pressed by mouse or keyboard. */
export function TextButton({
  onPress,
  style,
  ...link
}: ComponentProps<typeof Typography.Link> & { onPress: () => void }) {
  return (
    <Typography.Link
      {...link}
      role="button"
      tabIndex={0}
      style={{ minWidth: 0, ...style }}
      onClick={onPress}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        onPress();
      }}
    />
  );
}
