import { Button, Flex, List, theme, Typography } from 'antd';
import { useState } from 'react';
import type { PreviousView } from '../../shared/api';
import { FailureAlert } from '../components/FailureAlert';
import { formatBytes, formatMoment } from '../format';
import { useT, type Translate } from '../i18n';
import { contentsLabel } from '../labels';
import { testId } from '../test-ids';
import { previousTitle } from './labels';
import { PreviousActions } from './PreviousActions';
import { usePrevious } from './PreviousProvider';

/** So many are shown at first: the list of backups stays in sight. */
const SHOWN = 2;

/** Everything that restores and undos replaced and that can still be brought back, newest first. */
export function PreviousData() {
  const t = useT();
  const { token } = theme.useToken();
  const { states, failure, reload } = usePrevious();
  const [showsAll, setShowsAll] = useState(false);
  const style = { marginBottom: token.margin };
  if (failure && !failure.isUnavailable) return <FailureAlert failure={failure} onRetry={reload} style={style} />;
  if (states.length === 0) return null;
  const shown = showsAll ? states : states.slice(0, SHOWN);
  return (
    <List<PreviousView>
      size="small"
      bordered
      style={style}
      rowKey="id"
      header={<Typography.Text strong>{t('Previous data')}</Typography.Text>}
      dataSource={[...shown]}
      renderItem={(state) => <PreviousItem state={state} />}
      footer={
        states.length > SHOWN && (
          <Button type="link" size="small" onClick={() => setShowsAll(!showsAll)} {...testId('previous-all')}>
            {showsAll ? t('Show less') : t('Show all ({{count}})', { count: states.length })}
          </Button>
        )
      }
      {...testId('previous')}
    />
  );
}

function PreviousItem({ state }: { state: PreviousView }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <List.Item {...testId('previous', state.id)}>
      <Flex wrap justify="space-between" align="center" gap={token.marginXS} style={{ width: '100%' }}>
        <div style={{ flex: '1 1 360px', minWidth: 0 }}>
          <div>{previousTitle(state, t)}</div>
          <Typography.Text type="secondary" style={{ fontSize: token.fontSizeSM }}>
            {facts(state, t).join(' · ')}
          </Typography.Text>
        </div>
        <PreviousActions state={state} />
      </Flex>
    </List.Item>
  );
}

function facts({ contents, startedBy, origin, bytes, until }: PreviousView, t: Translate): string[] {
  return [
    contentsLabel(contents, t),
    t('Kept until {{time}}', { time: formatMoment(until, t) }),
    ...(startedBy ? [t('Replaced by {{who}}', { who: startedBy })] : []),
    origin
      ? t('Restored from the backup of {{time}}', { time: formatMoment(origin.backupAt, t) })
      : t('Not restored from a backup'),
    ...(bytes === null ? [] : [formatBytes(bytes)]),
  ];
}
