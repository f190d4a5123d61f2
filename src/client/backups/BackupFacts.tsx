import { Descriptions, Typography, type DescriptionsProps } from 'antd';
import type { BackupDetails, VerifiedView } from '../../shared/api';
import type { ManifestDatabase } from '../../shared/manifest';
import { Elapsed } from '../components/Elapsed';
import { ContentTags } from '../components/tags';
import { TWO_COLUMNS } from '../components/two-columns';
import { formatBytes, formatNumber, formatTime } from '../format';
import { useT, type Translate } from '../i18n';
import { destinationLabel, triggerLabel, verifiedSentence } from '../labels';
import { testId } from '../test-ids';

type Items = NonNullable<DescriptionsProps['items']>;

const FLAVOURS = { postgres: 'PostgreSQL', mysql: 'MySQL', mariadb: 'MariaDB', sqlite: 'SQLite' };

/** The facts of record and manifest, in two columns. */
export function BackupFacts({ backup }: { backup: BackupDetails }) {
  const t = useT();
  const database = backup.manifest?.database;
  return (
    <>
      <Descriptions size="small" column={TWO_COLUMNS} items={recordItems(backup, t)} />
      {database && (
        <Descriptions
          size="small"
          column={TWO_COLUMNS}
          title={t('Database')}
          style={{ marginTop: 16 }}
          items={databaseItems(database, t)}
        />
      )}
    </>
  );
}

function recordItems(backup: BackupDetails, t: Translate): Items {
  const { manifest } = backup;
  return items([
    [t('File name'), <FileName key="name" name={`${backup.name}.safekeep.zip`} />, 'filled'],
    [t('Contents'), <ContentTags key="contents" contents={backup.contents} />],
    [t('Trigger'), triggerLabel(backup.trigger, t)],
    [t('Started'), formatTime(backup.startedAt)],
    [t('Duration'), <Elapsed key="duration" startedAt={backup.startedAt} finishedAt={backup.finishedAt} />],
    [t('Started by'), backup.startedBy],
    [t('Stored on'), backup.destinations.map((place) => destinationLabel(place, t)).join(t(', '))],
    [t('Size'), backup.bytes === null ? null : `${formatBytes(backup.bytes)} (${formatNumber(backup.bytes)} B)`],
    [t('Warnings'), formatNumber(backup.warnings)],
    [
      t('Verification'),
      backup.verified ? <Verified key="verified" verified={backup.verified} /> : t('Never'),
      'filled',
    ],
    [t('App'), manifest?.app.name],
    [t('NocoBase version'), backup.appVersion],
    [t('Archive format'), manifest && String(manifest.format)],
    [t('Archive entries'), manifest && formatNumber(manifest.entries.count)],
    [
      'SHA-256',
      backup.sha256 && (
        <Typography.Text
          key="sha256"
          code
          copyable={{ text: backup.sha256, tooltips: [t('Copy'), t('Copied')] }}
          style={{ overflowWrap: 'anywhere', fontSize: 12 }}
          {...testId('sha256')}
        >
          {backup.sha256}
        </Typography.Text>
      ),
      'filled',
    ],
  ]);
}

function FileName({ name }: { name: string }) {
  const t = useT();
  return (
    <Typography.Text
      copyable={{ text: name, tooltips: [t('Copy'), t('Copied')] }}
      style={{ overflowWrap: 'anywhere' }}
      {...testId('file-name')}
    >
      {name}
    </Typography.Text>
  );
}

function Verified({ verified }: { verified: VerifiedView }) {
  const t = useT();
  const types = { restorable: 'success', 'bytes only': 'warning', failed: 'danger' } as const;
  return (
    <Typography.Text type={types[verified.result]} style={{ overflowWrap: 'anywhere' }} {...testId('verified-fact')}>
      {verifiedSentence(verified, t)}
    </Typography.Text>
  );
}

function databaseItems(database: ManifestDatabase, t: Translate): Items {
  return items([
    [t('Database type'), `${FLAVOURS[database.flavour]} ${database.serverVersion}`],
    [t('Dump tool'), `${database.tool.name} ${database.tool.version}`],
    [t('Database schema'), database.schema],
    [t('Table prefix'), database.tablePrefix],
    [t('Underscored names'), database.underscored ? t('Yes') : t('No')],
    [t('Character set'), [database.encoding, database.collation].filter(Boolean).join(', ')],
    [t('Time zone'), database.timeZone],
    [t('Data size'), formatBytes(database.dataBytes)],
    [t('Database extensions'), database.extensions.map(({ name, version }) => `${name} ${version}`).join(', ')],
    [t('Database roles'), database.roles.join(', ')],
  ]);
}

/** Leaves out what has no value. */
function items(facts: [label: string, value: React.ReactNode, span?: 'filled'][]): Items {
  return facts
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([label, children, span]) => ({ key: label, label, children, span }));
}
