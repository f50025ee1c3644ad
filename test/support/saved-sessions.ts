import { once } from 'node:events'
import { readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseHead, RECORD, readRecord } from '../../src/control/sessions/session-file.ts'
import { PARTS } from '../../src/runtime/session-table/layout.ts'
import type { SavedSession } from '../../src/runtime/session-table/session-entries.ts'
import type { SessionTable } from '../../src/runtime/session-table.ts'

/** Everything that a table would save at time `now`. */
export function savedOf(table: SessionTable, now: number): SavedSession[] {
  return Array.from({ length: PARTS }, (_, part) => [...table.saved.sessions(part, now)]).flat()
}

/** Resolves when the files of a state directory contain that number of sessions. */
export async function untilSaved(test: TestContext, directory: string, count: number): Promise<void> {
  const watcher = watch(directory)
  test.after(() => watcher.close())
  while (idsIn(directory).size < count) await once(watcher, 'change')
  watcher.close()
}

function idsIn(directory: string): Set<string> {
  const ids = new Set<string>()
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('sessions-') || name.endsWith('.new')) continue
    const bytes = readFileSync(join(directory, name))
    const { length } = parseHead(bytes)!
    for (let at = length; at + RECORD <= bytes.length; at += RECORD) {
      const { high, low } = readRecord(bytes, at)!
      ids.add(`${high} ${low}`)
    }
  }
  return ids
}
