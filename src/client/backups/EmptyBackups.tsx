import { CloudServerOutlined, PlusOutlined } from '@ant-design/icons';
import { Empty, theme, Typography } from 'antd';
import { GuardedButton } from '../components/GuardedButton';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { busyRefusal } from '../refusals';
import { testId } from '../test-ids';

/** An empty list: what to do first, or that nothing matches the filter. */
export function EmptyBackups({ filtered, onCreate }: { filtered: boolean; onCreate: () => void }) {
  const t = useT();
  const host = useHost();
  const { token } = theme.useToken();
  const { active } = useRuns();
  const canCreate = host.can('create');
  if (filtered) {
    return (
      <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No backup matches the search and the filter.')} />
    );
  }
  return (
    <Empty
      image={<CloudServerOutlined style={{ fontSize: 56, color: token.colorTextQuaternary }} />}
      styles={{ image: { height: 64 } }}
      style={{ padding: `${token.paddingXL}px 0` }}
      description={
        <div style={{ maxWidth: 520, margin: '0 auto', textWrap: 'balance' }}>
          <Typography.Title level={5}>{t('No backups yet')}</Typography.Title>
          <Typography.Text type="secondary">
            <div>{t('A backup contains the database and the uploaded files in one archive.')}</div>
            {canCreate && <div>{t('Create the first one now, then download a copy to another location.')}</div>}
          </Typography.Text>
        </div>
      }
      {...testId('empty')}
    >
      {canCreate && (
        <GuardedButton
          type="primary"
          icon={<PlusOutlined />}
          reason={busyRefusal(active, t)}
          onClick={onCreate}
          {...testId('empty-new-backup')}
        >
          {t('New backup')}
        </GuardedButton>
      )}
    </Empty>
  );
}
