import type { PreviewAnswer, RestoreRequest } from '../../shared/api';
import { ownershipOf } from '../host/ownership';
import type { Safekeep } from '../safekeep';
import { openSource } from './restore';
import { losses } from '../../engine/losses';

/** The losses of a restore. Changes nothing. @throws the errors of `openSource`, NOT_IN_BACKUP */
export async function previewRestore(
  safekeep: Safekeep,
  request: Pick<RestoreRequest, 'name' | 'uploadId' | 'contents' | 'filesMode'>,
): Promise<PreviewAnswer> {
  const reader = await openSource(safekeep, request);
  const driver = safekeep.driver();
  try {
    const { contents = reader.manifest.contents, filesMode = 'mirror' } = request;
    const site = await safekeep.site();
    const ownership = ownershipOf(safekeep.app, driver);
    return await losses(reader, { contents, filesMode }, { site, driver, ownership });
  } finally {
    await driver.close();
    await reader.close();
  }
}
