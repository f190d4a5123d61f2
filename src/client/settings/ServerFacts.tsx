import { Descriptions, Divider, theme, Typography } from 'antd';
import type { SettingsAnswer } from '../../shared/api';
import { formatBytes } from '../format';
import { useT } from '../i18n';
import { testId } from '../test-ids';

/** Where the archives are kept, and the space left there. */
export function ServerFacts({ facts }: { facts: SettingsAnswer }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <>
      <Divider style={{ marginTop: 0 }} />
      <Typography.Title level={5} style={{ margin: `0 0 ${token.marginSM}px` }}>
        {t('This server')}
      </Typography.Title>
      <Descriptions
        column={1}
        size="small"
        style={{ marginBottom: token.margin }}
        items={[
          {
            key: 'folder',
            label: t('Archive folder'),
            children: (
              <Typography.Text
                code
                copyable={{ text: facts.folder, tooltips: [t('Copy'), t('Copied')] }}
                style={{ overflowWrap: 'anywhere' }}
                {...testId('folder')}
              >
                {facts.folder}
              </Typography.Text>
            ),
          },
          {
            key: 'free',
            label: t('Free disk space'),
            children: <span {...testId('free-space')}>{formatBytes(facts.freeBytes)}</span>,
          },
        ]}
      />
    </>
  );
}
