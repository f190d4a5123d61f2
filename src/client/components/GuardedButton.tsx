import { Button, Tooltip, type ButtonProps } from 'antd';
import type { Refusal } from '../refusals';

/** A button that explains on hover why it is disabled; the reason is also its description for screen readers. */
export function GuardedButton({ reason, ...button }: ButtonProps & { reason: Refusal }) {
  if (reason === null) return <Button {...button} />;
  return (
    <Tooltip title={reason}>
      <Button {...button} disabled aria-description={reason} />
    </Tooltip>
  );
}
