import { describe, expect, it } from 'vitest';
import { maintenanceText, readMaintenanceText } from './maintenance';

describe('the maintenance text', () => {
  it('carries kind, step and percentage of a run to the page, whatever the host adds', () => {
    const run = { kind: 'restore', step: 'reload', percent: 92 } as const;
    expect(maintenanceText(run)).toBe('Safekeep restore: reloading the app (92 %)');
    expect(readMaintenanceText(maintenanceText(run))).toEqual(run);
    expect(readMaintenanceText(`${maintenanceText(run)}: starting app (3 %)`)).toEqual(run);
  });

  it('is not read where somebody else wrote it', () => {
    expect(readMaintenanceText('upgrading')).toBeNull();
    expect(readMaintenanceText('Safekeep: the rollback of a restore failed.')).toBeNull();
    expect(readMaintenanceText('Safekeep restore: dancing (3 %)')).toBeNull();
    expect(readMaintenanceText('Safekeep party: reloading the app (3 %)')).toBeNull();
  });
});
