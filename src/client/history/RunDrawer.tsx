import { Descriptions, Drawer, Flex } from 'antd';
import type { RunView } from '../../shared/runs';
import { CancelButton } from '../components/CancelButton';
import { DRAWER_STYLES } from '../components/drawer-styles';
import { Elapsed } from '../components/Elapsed';
import { RunPanel } from '../components/RunPanel';
import { sourceText } from '../components/RunResult';
import { ContentTags } from '../components/tags';
import { TWO_COLUMNS } from '../components/two-columns';
import { formatTime } from '../format';
import { useReturnFocus } from '../hooks/useReturnFocus';
import { useT } from '../i18n';
import { runLabel, triggerLabel } from '../labels';
import { useRuns } from '../live/RunsProvider';
import { PreviousActions } from '../previous/PreviousActions';
import { usePrevious } from '../previous/PreviousProvider';
import { testId } from '../test-ids';

/** A fact with a line of its own, or what is left of one. */
const LINE = { span: 'filled' as const };

/** One run with its facts, steps, run log, and the data it replaced. */
export function RunDrawer({ run, onClose }: { run: RunView; onClose: () => void }) {
  const t = useT();
  const { unavailable } = useRuns();
  const { states } = usePrevious();
  useReturnFocus();
  const replaced = states.find(({ id }) => id === run.id);
  const facts = [
    { key: 'started', label: t('Started'), children: formatTime(run.startedAt) },
    { key: 'duration', label: t('Duration'), children: <Elapsed {...run} /> },
    { key: 'by', label: t('Started by'), children: run.startedBy ?? t('System') },
    { key: 'trigger', label: t('Trigger'), children: triggerLabel(run.trigger, t) },
    { key: 'source', label: t('Backup'), children: sourceText(run, t) },
    { key: 'contents', label: t('Contents'), children: run.contents.length > 0 && <ContentTags {...run} /> },
    { key: 'note', label: t('Note'), children: run.note, ...LINE },
    { key: 'file', label: t('File name'), children: run.backupName && `${run.backupName}.safekeep.zip`, ...LINE },
  ];
  return (
    <Drawer
      open
      width={820}
      title={runLabel(run, t)}
      onClose={onClose}
      styles={DRAWER_STYLES}
      extra={<CancelButton run={run}>{t('Cancel the run')}</CancelButton>}
      drawerRender={(node) => (
        <div {...testId('run-drawer')} style={{ height: '100%' }}>
          {node}
        </div>
      )}
    >
      <Flex vertical gap="middle">
        <Descriptions
          size="small"
          column={TWO_COLUMNS}
          styles={{ content: { overflowWrap: 'anywhere', minWidth: 0 } }}
          items={facts.filter(({ children }) => Boolean(children))}
        />
        <RunPanel
          run={run}
          unavailable={unavailable}
          extra={replaced && <PreviousActions state={replaced} withoutUndo />}
        />
      </Flex>
    </Drawer>
  );
}
