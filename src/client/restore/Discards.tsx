import { Alert, Button, Checkbox, Flex, theme, Typography } from 'antd';
import type { PreviousView } from '../../shared/api';
import { formatBytes } from '../format';
import { useHost } from '../host';
import { useT } from '../i18n';
import { contentsLabel } from '../labels';
import { previousTitle } from '../previous/labels';
import { testId } from '../test-ids';

interface Props {
  discards: readonly PreviousView[];
  isAccepted: boolean;
  onAccept: (yes: boolean) => void;
  onUndo: (state: PreviousView) => void;
  onSave: (state: PreviousView) => void;
}

/** In red: previous data that has to go for lack of disk space, and the two ways to use it first. */
export function Discards({ discards, isAccepted, onAccept, onUndo, onSave }: Props) {
  const t = useT();
  const host = useHost();
  const { token } = theme.useToken();
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      message={t('For lack of disk space, this restore permanently discards previous data:')}
      description={
        <Flex vertical gap={token.marginXS}>
          {discards.map((state) => (
            <Flex key={state.id} wrap gap={token.marginXS} {...testId('discards', state.id)}>
              <Typography.Text type="danger" style={{ flex: '1 1 320px' }}>
                {previousTitle(state, t)} ({contentsLabel(state.contents, t)}
                {state.bytes === null ? '' : `, ${formatBytes(state.bytes)}`})
              </Typography.Text>
              <Flex gap={token.marginXS}>
                <Button size="small" onClick={() => onUndo(state)} {...testId('undo-first', state.id)}>
                  {t('Undo that first')}
                </Button>
                {host.can('create') && (
                  <Button size="small" onClick={() => onSave(state)} {...testId('save-first', state.id)}>
                    {t('Save it as a backup')}
                  </Button>
                )}
              </Flex>
            </Flex>
          ))}
          <Checkbox
            checked={isAccepted}
            onChange={({ target }) => onAccept(target.checked)}
            {...testId('accept-discard')}
          >
            {t('Permanently discard this data')}
          </Checkbox>
        </Flex>
      }
      {...testId('discards')}
    />
  );
}
