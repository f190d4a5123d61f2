import { WarningFilled } from '@ant-design/icons';
import { Button, Flex, Skeleton, theme, Typography } from 'antd';
import { useId, useState } from 'react';
import type { PreviewAnswer } from '../../shared/api';
import type { Content } from '../../shared/runs';
import { FailureAlert } from '../components/FailureAlert';
import { formatAge, formatBytes, formatMoment, formatNumber } from '../format';
import type { Loaded } from '../hooks/useLoad';
import { useLanguage, useT } from '../i18n';
import { testId } from '../test-ids';

interface Props {
  /** When the backup was made, and the age it has now, in ms. */
  backupAt: string;
  ageMs: number;
  contents: readonly Content[];
  preview: Loaded<PreviewAnswer>;
}

/** So many tables are shown at first. */
const SHOWN = 6;

/** What a restore loses: counted, not guessed. Nothing here keeps the user from confirming. */
export function Losses({ backupAt, ageMs, contents, preview: { data, failure, loading, reload } }: Props) {
  const t = useT();
  const language = useLanguage();
  const { token } = theme.useToken();
  const heading = useId();
  const isPartial = contents.length === 1;
  const backup = { time: formatMoment(backupAt, t), age: formatAge(ageMs, language) };
  return (
    <section
      aria-labelledby={heading}
      style={{
        padding: `${token.paddingXS}px ${token.paddingSM}px`,
        background: token.colorWarningBg,
        border: `${token.lineWidth}px ${token.lineType} ${token.colorWarningBorder}`,
        borderRadius: token.borderRadiusLG,
      }}
      {...testId('losses')}
    >
      <Typography.Text id={heading} strong style={{ display: 'block', marginBottom: token.marginXXS }}>
        {t('What will be lost')}
      </Typography.Text>
      <Flex vertical gap={token.marginXXS}>
        <span>
          {contents.includes('database')
            ? t('The backup of {{time}} is {{age}} old. Everything entered or changed since then is replaced.', backup)
            : t('The backup of {{time}} is {{age}} old. Files changed since then are replaced.', backup)}
        </span>
        {isPartial && <PartialWarning contents={contents} />}
        {failure && <FailureAlert failure={failure} onRetry={reload} />}
        {loading && !data && (
          <div role="status" aria-label={t('Counting…')}>
            <Skeleton active title={false} paragraph={{ rows: 2 }} />
          </div>
        )}
        {data && contents.includes('database') && <Rows tables={data.tables} />}
        {data?.removedFiles && <RemovedFiles {...data.removedFiles} />}
      </Flex>
    </section>
  );
}

function PartialWarning({ contents }: { contents: readonly Content[] }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <Flex gap={token.marginXS} role="note" {...testId('partial')}>
      <WarningFilled style={{ color: token.colorWarning }} />
      {contents.includes('database')
        ? t('Only the database is restored. Records and uploaded files may no longer match.')
        : t('Only the uploaded files are restored. Records and uploaded files may no longer match.')}
    </Flex>
  );
}

function Rows({ tables }: { tables: PreviewAnswer['tables'] }) {
  const t = useT();
  const { token } = theme.useToken();
  const [showsAll, setShowsAll] = useState(false);
  if (tables.length === 0) return <span>{t('The row counts of the larger tables do not change.')}</span>;
  const shown = showsAll ? tables : tables.slice(0, SHOWN);
  return (
    <div>
      <div>{t('Rows now and after the restore:')}</div>
      <ul
        style={{
          display: 'grid',
          gridTemplateColumns: 'repeat(auto-fill, minmax(260px, 1fr))',
          columnGap: token.marginLG,
          margin: 0,
          padding: 0,
          listStyle: 'none',
        }}
      >
        {shown.map(({ name, now, then }) => (
          <li key={name} style={{ display: 'flex', gap: token.marginXS, minWidth: 0 }} {...testId('loss', name)}>
            <Typography.Text ellipsis={{ tooltip: true }} style={{ minWidth: 0 }}>
              {name}
            </Typography.Text>{' '}
            <Typography.Text
              type={now === null || now > then ? 'danger' : 'secondary'}
              style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}
            >
              {now === null ? t('not counted') : formatNumber(now)} → {formatNumber(then)}
            </Typography.Text>
          </li>
        ))}
      </ul>
      {tables.length > SHOWN && (
        <Button type="link" size="small" style={{ padding: 0 }} onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? t('Show less') : t('Show all ({{count}})', { count: tables.length })}
        </Button>
      )}
    </div>
  );
}

function RemovedFiles({ count, bytes, newestAt }: NonNullable<PreviewAnswer['removedFiles']>) {
  const t = useT();
  const facts = { count: formatNumber(count), size: formatBytes(bytes) };
  return (
    <Typography.Text type={count > 0 ? 'danger' : undefined} {...testId('removed-files')}>
      {count === 0
        ? t('No uploaded files are removed.')
        : newestAt
          ? t('Files removed because the backup does not contain them: {{count}} ({{size}}), newest from {{time}}.', {
              ...facts,
              time: formatMoment(newestAt, t),
            })
          : t('Files removed because the backup does not contain them: {{count}} ({{size}}).', facts)}
    </Typography.Text>
  );
}
