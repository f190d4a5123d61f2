import { InboxOutlined } from '@ant-design/icons';
import { Alert, Button, Flex, Progress, theme, Typography, Upload as FilePicker } from 'antd';
import type { Failure } from '../api/failure';
import { FailureAlert } from '../components/FailureAlert';
import { formatBytes } from '../format';
import type { Upload } from '../hooks/useUpload';
import { useT, type Translate } from '../i18n';
import { testId } from '../test-ids';

export function UploadStep({ upload }: { upload: Upload }) {
  const t = useT();
  const { phase, failure, file } = upload;
  // A file that was read and refused is refused again; another one is chosen below. A damaged copy may arrive whole.
  const isHopeless = failure?.status === 422 && failure.code !== 'UPLOAD_DAMAGED';
  const shown = failure && { code: failure.code, message: failure.message, hint: hintFor(failure, file, t) };
  return (
    <Flex vertical gap="middle">
      {phase === 'failed' && <FailureAlert failure={shown} onRetry={isHopeless ? undefined : upload.retry} />}
      {phase === 'failed' && file && <Typography.Text type="secondary">{file.name}</Typography.Text>}
      {phase === 'idle' || phase === 'failed' ? <Picker onPick={upload.start} /> : <Sending upload={upload} />}
    </Flex>
  );
}

/** A file with the right name that is no ZIP archive is damaged; any other one is the wrong file. */
function hintFor({ code, hint }: Failure, file: File | null, t: Translate): string {
  if (code !== 'NOT_A_ZIP' || !file) return hint;
  return file.name.endsWith('.safekeep.zip')
    ? t('The file is damaged or is not a backup. Copy or download it again.')
    : t('Choose a file whose name ends with .safekeep.zip.');
}

function Picker({ onPick }: { onPick: (file: File) => void }) {
  const t = useT();
  return (
    <div {...testId('upload-file')}>
      <FilePicker.Dragger
        accept=".zip"
        maxCount={1}
        showUploadList={false}
        beforeUpload={(file) => {
          onPick(file);
          return false;
        }}
      >
        <p className="ant-upload-drag-icon">
          <InboxOutlined />
        </p>
        <p className="ant-upload-text">{t('Drop a backup file here, or click to choose one')}</p>
        <p className="ant-upload-hint">
          {t('The file name ends with .safekeep.zip. Nothing is changed until you confirm the last step.')}
        </p>
      </FilePicker.Dragger>
    </div>
  );
}

function Sending({ upload: { phase, file, sent, discard } }: { upload: Upload }) {
  const t = useT();
  const { token } = theme.useToken();
  if (!file) return null;
  const checking = phase === 'checking' || phase === 'done';
  const percent = checking ? 100 : Math.floor((sent / Math.max(1, file.size)) * 100);
  return (
    <Flex
      vertical
      gap="small"
      style={{ padding: `${token.padding}px 0` }}
      {...testId('upload-progress')}
      data-phase={phase}
    >
      <Flex justify="space-between" align="center" gap="small">
        <Typography.Text strong ellipsis={{ tooltip: true }} style={{ minWidth: 0 }}>
          {file.name}
        </Typography.Text>
        <Button size="small" onClick={discard}>
          {t('Choose another file')}
        </Button>
      </Flex>
      <Progress percent={percent} status={phase === 'paused' ? 'normal' : 'active'} aria-label={t('Upload')} />
      <Typography.Text type="secondary" style={{ fontVariantNumeric: 'tabular-nums' }}>
        {checking
          ? t('Upload complete. The server is checking the archive…')
          : t('{{done}} of {{total}}', { done: formatBytes(sent), total: formatBytes(file.size) })}
      </Typography.Text>
      {phase === 'paused' && (
        <Alert
          type="warning"
          showIcon
          role="status"
          message={t('Cannot reach the server.')}
          description={t('The upload is paused and continues when the server responds.')}
        />
      )}
    </Flex>
  );
}
