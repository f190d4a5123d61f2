import { Flex, theme, Typography } from 'antd';
import { useState } from 'react';
import type { InspectAnswer, PreviousView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { useLoad } from '../hooks/useLoad';
import { useT } from '../i18n';
import { Discards } from './Discards';
import { Losses } from './Losses';
import type { RestorePlan } from './useRestorePlan';
import { WhatWillHappen } from './WhatWillHappen';

interface Props {
  plan: RestorePlan;
  inspection: InspectAnswer;
  onUndoFirst: (state: PreviousView) => void;
  onSaveFirst: (state: PreviousView) => void;
}

/** What is lost and what happens. */
export function ConfirmStep({ plan, inspection, onUndoFirst, onSaveFirst }: Props) {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { manifest, discards } = inspection;
  const { contents, choices, choose } = plan;
  const [now] = useState(() => Date.now());
  const preview = useLoad(() => api.backups.preview(plan.preview ?? {}), JSON.stringify(plan.preview));
  return (
    <Flex vertical gap={token.marginSM}>
      {discards.length > 0 && (
        <Discards
          discards={discards}
          isAccepted={plan.isDiscardAccepted}
          onAccept={(yes) => choose({ discard: yes ? discards.map(({ id }) => id) : [] })}
          onUndo={onUndoFirst}
          onSave={onSaveFirst}
        />
      )}
      <Losses
        backupAt={manifest.createdAt}
        ageMs={now - Date.parse(manifest.createdAt)}
        contents={contents}
        preview={preview}
      />
      <WhatWillHappen plan={inspection.plan} contents={contents} filesMode={choices.filesMode} />
      {contents.includes('database') && (
        <Typography.Text type="secondary">
          {t('Users sign in with the passwords from the backup. You may have to sign in again.')}
        </Typography.Text>
      )}
    </Flex>
  );
}
