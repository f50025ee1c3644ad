import { SessionTable } from './session-table.ts'

/**
 * A session table in which nothing changes, whatever it is told: for asking where requests would go. It has idle limits of
 * its own.
 */
export class ReadOnlySessions extends SessionTable {
  /** @param table the one that is read */
  constructor({ memory }: SessionTable) {
    super(memory)
  }

  override put(): void {}

  override enter(): number {
    return -1
  }

  override move(high: number, low: number, from: number, _to: number, unseenFor: number, now: number): number {
    return this.mayMove(high, low, from, unseenFor, now) ? 0 : -1
  }

  override leave(): void {}

  override remove(): void {}
}
