/** Where the access log's lines go, and what becomes of them where that is slow, full or gone. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LogFile } from '../../src/observability/log-file.ts'

const LINE = Buffer.from('a line\n')

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-log-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

function append(log: LogFile, lines: Uint8Array): Promise<void> {
  return new Promise((resolve) => log.append(lines, resolve))
}

test('a disk that is full is told of once, and nobody waits for it', async () => {
  const troubles: string[] = []
  const log = new LogFile('/dev/full', (trouble) => troubles.push(trouble))
  for (let i = 0; i < 3; i++) await append(log, LINE)
  await log.close()
  assert.equal(troubles.length, 1)
  assert.match(troubles[0]!, /^the access log cannot be written: ENOSPC/)
})

test('a reader that is too slow costs lines beyond the backlog, is told of, and gets all others in order', async (t) => {
  const pipe = join(await folderFor(t), 'pipe')
  execFileSync('mkfifo', [pipe])
  const reader = spawn('cat', [pipe])
  const troubles: string[] = []
  const caughtUp = Promise.withResolvers<void>()
  const log = new LogFile(pipe, (trouble) => {
    troubles.push(trouble)
    if (trouble.includes('caught up')) caughtUp.resolve()
  })
  const batches = Array.from({ length: 20 }, (_, number) => Buffer.alloc(1024 * 1024, 97 + number))
  // All in one turn: nothing can have been written before the last of them.
  const settled = Promise.all(batches.map((batch) => append(log, batch)))
  const seen: number[] = []
  let bytes = 0
  reader.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (seen.at(-1) !== piece[0]) seen.push(piece[0]!)
  })
  await settled
  await caughtUp.promise
  await log.close()
  await once(reader, 'close')
  assert.equal(bytes, 16 * 1024 * 1024)
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, number) => 97 + number),
  )
  assert.deepEqual(troubles, [
    'the access log is too slow: lines are being dropped',
    'the access log has caught up; 4 batches of lines were dropped',
  ])
})

test('a file that cannot be opened anew goes on where it was', async (t) => {
  const folder = await folderFor(t)
  await mkdir(join(folder, 'logs'))
  const troubles: string[] = []
  const log = new LogFile(join(folder, 'logs', 'access.log'), (trouble) => troubles.push(trouble))
  await append(log, LINE)
  await rename(join(folder, 'logs'), join(folder, 'moved'))
  log.reopen()
  await append(log, LINE)
  await log.close()
  assert.match(troubles.join(), /^the access log cannot be opened anew, and goes on where it was: ENOENT/)
  assert.equal(await readFile(join(folder, 'moved', 'access.log'), 'utf8'), 'a line\na line\n')
})
