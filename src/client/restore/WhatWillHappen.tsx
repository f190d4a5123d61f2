import { Descriptions, theme, Typography, type DescriptionsProps } from 'antd';
import { useId } from 'react';
import type { RestorePlanView } from '../../shared/api';
import { ALL_CONTENTS, type Content } from '../../shared/runs';
import { formatBytes } from '../format';
import { useT, type Translate } from '../i18n';
import { contentsLabel, filesModeSentence } from '../labels';
import { testId } from '../test-ids';
import type { FilesMode } from './useRestorePlan';

interface Props {
  plan: RestorePlanView;
  contents: readonly Content[];
  filesMode: FilesMode;
}

/** What a restore does and what it costs: strategy, downtime, disk space, and whether it can be undone. */
export function WhatWillHappen({ plan, contents, filesMode }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const heading = useId();
  const restored = ALL_CONTENTS.filter((content) => contents.includes(content));
  const size = formatBytes(plan.extraBytes);
  const items: NonNullable<DescriptionsProps['items']> = [
    { key: 'what', label: t('Restored'), children: contentsLabel(restored, t) },
    ...(contents.includes('database') ? [{ key: 'way', label: t('Database'), children: plan.summary }] : []),
    ...(contents.includes('files')
      ? [{ key: 'files', label: t('Uploaded files'), children: <Files {...{ plan, filesMode }} /> }]
      : []),
    { key: 'downtime', label: t('Downtime'), children: plan.downtime },
    {
      key: 'disk',
      label: t('Disk space'),
      children:
        plan.undoHours > 0
          ? t('About {{size}} more, until the undo window closes.', { size })
          : t('About {{size}} more, during the restore.', { size }),
    },
    { key: 'undo', label: t('Undo'), children: <Undo hours={plan.undoHours} t={t} /> },
  ];
  return (
    <section aria-labelledby={heading} {...testId('restore-plan')}>
      <Typography.Text id={heading} strong style={{ display: 'block', marginBottom: token.marginXXS }}>
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

function Undo({ hours, t }: { hours: number; t: Translate }) {
  if (hours > 0)
    return t('The previous data is kept for {{hours}} hours. Until then, you can undo the restore.', { hours });
  return (
    <Typography.Text type="warning" role="note" {...testId('restore-no-undo')}>
      {t('The settings keep no previous data: this restore cannot be undone.')}
    </Typography.Text>
  );
}

function Files({ plan: { sharedFolders }, filesMode }: Pick<Props, 'plan' | 'filesMode'>) {
  const t = useT();
  return (
    <>
      <div>{filesModeSentence(filesMode, t)}</div>
      {sharedFolders.map(({ folder, apps }) => (
        <div key={folder} {...testId('shared-folder')}>
          {t("{{folder}} is shared with {{apps}}: only files that this app's records name are replaced.", {
            folder,
            apps: apps.join(t(', ')),
          })}
        </div>
      ))}
    </>
  );
}
