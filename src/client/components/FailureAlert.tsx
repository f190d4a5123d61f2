import { Alert, Button, Space, Typography } from 'antd';
import type { ApiError } from '../../shared/runs';
import { useT } from '../i18n';
import { failureText } from '../labels';
import { testId } from '../test-ids';

interface Props {
  failure: ApiError | null;
  /** Shows a button that asks again. */
  onRetry?: () => void;
  style?: React.CSSProperties;
}

/** An error where it happened: what went wrong, what to do, and the code to search for. */
export function FailureAlert({ failure, onRetry, style }: Props) {
  const t = useT();
  if (!failure) return null;
  const { message, hint } = failureText(failure, t);
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      style={style}
      message={message}
      description={
        <Space direction="vertical" size={2}>
          {hint && <span>{hint}</span>}
          <Typography.Text type="secondary" style={{ fontSize: 12 }}>
            {failure.code}
          </Typography.Text>
        </Space>
      }
      action={
        onRetry && (
          <Button size="small" onClick={onRetry} {...testId('retry')}>
            {t('Try again')}
          </Button>
        )
      }
      {...testId('error')}
    />
  );
}
