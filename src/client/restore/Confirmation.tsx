import { WarningFilled } from '@ant-design/icons';
import { Flex, Form, Input, theme, Typography } from 'antd';
import { useT } from '../i18n';
import { testId } from '../test-ids';

interface Props {
  appName: string;
  /** Another server may have made the archive, and its database is restored. */
  isForeign: boolean;
  typedName: string;
  onType: (name: string) => void;
  /** Enter in the field. */
  onEnter: () => void;
}

/** The name of the app to type, beside the button and always in sight. */
export function Confirmation({ appName, isForeign, typedName, onType, onEnter }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <Flex vertical gap={token.marginXS} style={{ textAlign: 'start' }}>
      <Form layout="vertical" component="div">
        <Form.Item
          label={
            <span>
              {t('To confirm, type the name of the app:')} <Typography.Text code>{appName}</Typography.Text>
            </span>
          }
          htmlFor="safekeep-confirm-name"
          style={{ margin: 0 }}
        >
          <Input
            id="safekeep-confirm-name"
            autoFocus
            autoComplete="off"
            spellCheck={false}
            value={typedName}
            onChange={(event) => onType(event.target.value)}
            onPressEnter={onEnter}
            {...testId('confirm-name')}
          />
        </Form.Item>
      </Form>
      {isForeign && (
        <Flex gap={token.marginXS} role="note" {...testId('foreign-archive')}>
          <WarningFilled style={{ color: token.colorWarning }} />
          {t(
            "The archive's data and SQL run with the app's database privileges: restore only archives that you trust.",
          )}
        </Flex>
      )}
    </Flex>
  );
}
