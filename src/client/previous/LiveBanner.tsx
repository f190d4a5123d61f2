import { HistoryOutlined } from '@ant-design/icons';
import { Alert, theme } from 'antd';
import { GuardedButton } from '../components/GuardedButton';
import { formatMoment } from '../format';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { busyRefusal } from '../refusals';
import { testId } from '../test-ids';
import { usePrevious } from './PreviousProvider';
import { useUndo } from './useUndo';

/** On every tab and for every administrator, until the undo window closes: that the live data is a restored backup. */
export function LiveBanner() {
  const t = useT();
  const host = useHost();
  const { token } = theme.useToken();
  const { active } = useRuns();
  const { live, states } = usePrevious();
  const { undo } = useUndo();
  const replaced = states.find(({ id }) => id === live?.runId);
  if (!live || !replaced) return null;
  const times = { time: formatMoment(live.backupAt, t), until: formatMoment(replaced.until, t) };
  return (
    <Alert
      type="info"
      showIcon
      icon={<HistoryOutlined />}
      role="status"
      style={{ marginBottom: token.margin }}
      message={
        live.by
          ? t('Restored to {{time}} by {{who}}, undo until {{until}}.', { ...times, who: live.by })
          : t('Restored to {{time}}, undo until {{until}}.', times)
      }
      action={
        host.can('restore') && (
          <GuardedButton
            size="small"
            reason={busyRefusal(active, t)}
            onClick={() => void undo(replaced)}
            {...testId('live-undo')}
          >
            {t('Undo')}
          </GuardedButton>
        )
      }
      {...testId('live-banner')}
    />
  );
}
