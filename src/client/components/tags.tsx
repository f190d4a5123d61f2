import { DatabaseOutlined, FileOutlined } from '@ant-design/icons';
import { Tag, theme } from 'antd';
import type { CheckStatus } from '../../shared/api';
import type { Content, RunStatus } from '../../shared/runs';
import { useT } from '../i18n';
import { STATUS_COLORS, statusLabel, CHECK_STATUS_COLORS, checkStatusLabel } from '../labels';

export function StatusTag({ status }: { status: RunStatus }) {
  const t = useT();
  return (
    <Tag bordered={false} color={STATUS_COLORS[status]} style={{ marginInlineEnd: 0 }}>
      {statusLabel(status, t)}
    </Tag>
  );
}

export function CheckStatusTag({ status }: { status: CheckStatus }) {
  const t = useT();
  return (
    <Tag bordered={false} color={CHECK_STATUS_COLORS[status]} style={{ marginInlineEnd: 0 }}>
      {checkStatusLabel(status, t)}
    </Tag>
  );
}

export function ContentTags({ contents }: { contents: readonly Content[] }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <span style={{ display: 'inline-flex', flexWrap: 'wrap', gap: token.marginXXS }}>
      {contents.map((content) => (
        <Tag
          key={content}
          bordered={false}
          icon={content === 'database' ? <DatabaseOutlined /> : <FileOutlined />}
          style={{ marginInlineEnd: 0 }}
        >
          {content === 'database' ? t('Database') : t('Files')}
        </Tag>
      ))}
    </span>
  );
}
