import type { Snapshot } from '../runtime/snapshot.ts'
import { Wanted } from './wanted.ts'

/** The hosts for which clients wait until a certificate was obtained, or will not be. */
export class WantedCertificates extends Wanted {
  /** That Snapshot is in effect. */
  apply({ certificates = [] }: Snapshot): void {
    if (!this.isWaitedFor) return
    for (const { hosts } of certificates) for (const host of hosts) this.release(host)
  }
}
