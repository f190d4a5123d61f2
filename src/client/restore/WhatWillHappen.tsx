import { Descriptions, theme, Typography, type DescriptionsProps } from 'antd';
import { useId } from 'react';
import type { RestorePlanView } from '../../shared/api';
import { ALL_CONTENTS, type Content } from '../../shared/runs';
import { formatBytes } from '../format';
import { useT } from '../i18n';
import { contentLabel, filesModeSentence } from '../labels';
import { testId } from '../test-ids';
import type { FilesMode } from './useRestorePlan';

interface Props {
  plan: RestorePlanView;
  contents: readonly Content[];
  filesMode: FilesMode;
}

/** What a restore will do and what it costs, before anyone says yes: way, downtime, disk, and the way back. */
export function WhatWillHappen({ plan, contents, filesMode }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const heading = useId();
  const { undoHours, extraBytes } = plan;
  const restored = ALL_CONTENTS.filter((content) => contents.includes(content));
  const items: NonNullable<DescriptionsProps['items']> = [
    { key: 'what', label: t('Restored'), children: restored.map((content) => contentLabel(content, t)).join(', ') },
    ...(contents.includes('database') ? [{ key: 'way', label: t('Database'), children: plan.summary }] : []),
    ...(contents.includes('files')
      ? [{ key: 'files', label: t('Uploaded files'), children: filesModeSentence(filesMode, t) }]
      : []),
    { key: 'downtime', label: t('Downtime'), children: plan.downtime },
    {
      key: 'disk',
      label: t('Disk space'),
      children:
        undoHours > 0
          ? t('About {{size}} more, until the state before is dropped.', { size: formatBytes(extraBytes) })
          : t('About {{size}} more while it runs.', { size: formatBytes(extraBytes) }),
    },
    {
      key: 'undo',
      label: t('Way back'),
      children:
        undoHours > 0 ? (
          t('The state before is kept for {{hours}} hours. Until then the History tab can undo the restore.', {
            hours: undoHours,
          })
        ) : (
          <Typography.Text type="warning" role="note" {...testId('restore-no-undo')}>
            {t(
              'The state before is not kept: this restore can not be undone. The Settings tab says how long it is kept.',
            )}
          </Typography.Text>
        ),
    },
  ];
  return (
    <section aria-labelledby={heading} {...testId('restore-plan')}>
      <Typography.Text id={heading} strong style={{ display: 'block', marginBottom: token.marginXS }}>
        {t('What will happen')}
      </Typography.Text>
      <Descriptions
        size="small"
        bordered
        column={1}
        items={items}
        styles={{ label: { width: 132, verticalAlign: 'top' }, content: { overflowWrap: 'anywhere' } }}
      />
    </section>
  );
}
