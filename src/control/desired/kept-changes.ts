import { OperationRefused } from '../../admin/operation-refused.ts'
import type { InstanceLock } from '../state/instance-lock.ts'
import type { ChangesFile } from './changes-file.ts'
import type { OperatorChanges } from './operator-changes.ts'

/** The operator's changes on the disk, which belong to the process that holds the instance. */
export class KeptChanges {
  readonly #file: ChangesFile
  readonly #lock: InstanceLock

  constructor(file: ChangesFile, lock: InstanceLock) {
    this.#file = file
    this.#lock = lock
  }

  /**
   * Resolves once the changes would survive a power cut.
   *
   * @throws OperationRefused if another process holds the instance, or they cannot be written
   */
  async keep(changes: OperatorChanges): Promise<void> {
    await this.#lock.assertHeld()
    try {
      await this.#file.write(changes)
    } catch (error) {
      const cause = `cannot write ${this.#file.path}: ${(error as Error).message}`
      const hint = 'give a directory that can be written as stateDirectory'
      throw new OperationRefused('not-kept', `the change would be lost at a restart: ${cause} (${hint})`)
    }
  }
}
