import { Button, Tooltip, type ButtonProps } from 'antd';

/** A button that tells on hover why it can't be pressed; the reason is also its description for screen readers. */
export function GuardedButton({ reason, ...button }: ButtonProps & { reason: string | null }) {
  if (reason === null) return <Button {...button} />;
  return (
    <Tooltip title={reason}>
      <Button {...button} disabled aria-description={reason} />
    </Tooltip>
  );
}
