/** The operator's changes on the disk: whenever the process is killed, they are those before a change or after it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ChangesFile } from '../../src/control/desired/changes-file.ts'
import { NO_CHANGES, type OperatorChanges } from '../../src/control/desired/operator-changes.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'
import { temporaryFolder } from '../support/folder.ts'
import '../support/seeded-random.ts'

const KILLS = Number(process.env.KILLS ?? 25)
const WRITER = fileURLToPath(new URL('changes-writer.ts', import.meta.url))

/** The number that all servers have in the saved changes; -1 if nothing is saved. */
function numberIn({ upstreams }: OperatorChanges): number {
  const servers = Object.values(upstreams.app?.servers ?? {})
  const numbers = new Set(servers.map(({ settings }) => settings.weight as number))
  assert.ok(numbers.size <= 1, 'a mixture of two changes')
  return servers.length === 0 ? -1 : [...numbers][0]!
}

test(`${KILLS} times kill -9 at a random moment of writing leaves what was answered, or the change after it`, async (t) => {
  const path = await temporaryFolder(t)
  let said = -1
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [WRITER, path, String(said + 1)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    let output = ''
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      output += text
    })
    await once(child.stdout, 'data')
    await pause(Math.random() * 20)
    child.kill('SIGKILL')
    await ended
    said = Number(output.trimEnd().split('\n').at(-1))
    const found = numberIn(new ChangesFile(new StateDirectory(path, {}, assert.fail), 'killed').read())
    assert.ok(found === said || found === said + 1, `${found} is saved, and ${said} was answered`)
    said = found
  }
})

test('a file that cannot be understood is put aside, and reported', async (t) => {
  const path = await temporaryFolder(t)
  for (const text of ['', '{', '{}', '{"version":2,"changes":{}}', '{"version":1,"changes":{"upstreams":[]}}']) {
    writeFileSync(join(path, 'changes-shop.json'), text)
    const warnings: string[] = []
    const state = new StateDirectory(path, {}, (warning) => warnings.push(warning))
    assert.deepEqual(new ChangesFile(state, 'shop').read(), NO_CHANGES)
    assert.match(warnings.join(), /changes-shop\.json cannot be understood, and is ignored; it is now .*unreadable$/)
    assert.ok(state.holds('changes-shop.json.unreadable'))
    assert.ok(!state.holds('changes-shop.json'))
  }
})

test('nothing is written before there is a change', async (t) => {
  const path = await temporaryFolder(t)
  const state = new StateDirectory(path, {}, assert.fail)
  await new ChangesFile(state, 'shop').write(NO_CHANGES)
  assert.deepEqual(state.names(), [])
})
