import { theme, Typography } from 'antd';
import { useId, type ReactElement } from 'react';
import { cloneElement } from 'react';

interface Props {
  /** A Radio or Checkbox; the sentence becomes its description. */
  children: ReactElement<{ 'aria-describedby'?: string }>;
  sentence: string;
}

/** A choice with one sentence below it that explains it. */
export function Explained({ children, sentence }: Props) {
  const { token } = theme.useToken();
  const id = useId();
  return (
    <div>
      {cloneElement(children, { 'aria-describedby': id })}
      <Typography.Text
        id={id}
        type="secondary"
        style={{ display: 'block', fontSize: token.fontSizeSM, paddingInlineStart: token.paddingLG }}
      >
        {sentence}
      </Typography.Text>
    </div>
  );
}
