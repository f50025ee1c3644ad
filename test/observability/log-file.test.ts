/** The destination of the access log: slow, full, or without a reader. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { constants } from 'node:fs'
import { mkdir, mkdtemp, open as openFile, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { LogFile } from '../../src/observability/log-file.ts'
import { Lines } from '../support/limpet.ts'

const MEGABYTE = 1024 * 1024
const LINE = Buffer.from('a line\n')

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-log-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

function append(log: LogFile, lines: Uint8Array): Promise<void> {
  return new Promise((resolve) => log.append(lines, resolve))
}

test('a full disk is reported once, and does not block', async () => {
  const troubles: string[] = []
  const causes: unknown[] = []
  const log = new LogFile('/dev/full', 'the access log', (trouble, event) => {
    troubles.push(trouble)
    if (event.event === 'output-broken') causes.push(event.cause)
  })
  for (let i = 0; i < 3; i++) await append(log, LINE)
  await log.close()
  assert.equal(troubles.length, 2)
  assert.match(troubles[0]!, /^the access log cannot be written: ENOSPC/)
  assert.match(String(causes), /^ENOSPC/)
  assert.equal(troubles[1], 'the access log has lost 3 lines')
})

test('a reader that is too slow is reported, loses the lines beyond the backlog, and gets all others in order', async (t) => {
  const pipe = join(await folderFor(t), 'pipe')
  execFileSync('mkfifo', [pipe])
  const door = await openFile(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const reader = spawn('cat', [pipe])
  const readerClosed = once(reader, 'close')
  const troubles: string[] = []
  const caughtUp = Promise.withResolvers<void>()
  const log = new LogFile(pipe, 'the access log', (trouble) => {
    troubles.push(trouble)
    if (trouble.includes('caught up')) caughtUp.resolve()
  })
  const batches = Array.from({ length: 20 }, (_, number) =>
    Buffer.from(`${'abcdefghijklmnopqrst'[number]!.repeat(MEGABYTE - 1)}\n`),
  )
  // All in one turn of the event loop, so nothing is written before the last one is appended.
  const settled = Promise.all(batches.map((batch) => append(log, batch)))
  const seen: number[] = []
  let bytes = 0
  reader.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length
    for (const byte of piece) if (byte !== 10 && seen.at(-1) !== byte) seen.push(byte)
  })
  await settled
  await door.close()
  await caughtUp.promise
  await log.close()
  await readerClosed
  assert.equal(bytes, 16 * 1024 * 1024)
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, number) => 97 + number),
  )
  assert.deepEqual(troubles, [
    'the access log is too slow: lines are being dropped',
    'the access log has caught up; 4 lines were dropped',
  ])
})

test('if the file cannot be reopened, the log continues in the old file', async (t) => {
  const folder = await folderFor(t)
  await mkdir(join(folder, 'logs'))
  const troubles: string[] = []
  const log = new LogFile(join(folder, 'logs', 'access.log'), 'the access log', (trouble) => troubles.push(trouble))
  await append(log, LINE)
  await rename(join(folder, 'logs'), join(folder, 'moved'))
  log.reopen()
  await append(log, LINE)
  await log.close()
  assert.match(troubles.join(), /^the access log cannot be reopened, and continues in the old file: ENOENT/)
  assert.equal(await readFile(join(folder, 'moved', 'access.log'), 'utf8'), 'a line\na line\n')
})

/** A named pipe; `LogFile` reports into `reports`. */
async function pipeFor(t: TestContext) {
  const pipe = join(await folderFor(t), 'pipe')
  execFileSync('mkfifo', [pipe])
  const reports: string[] = []
  const arrivals = new EventEmitter()
  const open = () =>
    new LogFile(pipe, 'the access log', (report) => {
      reports.push(report)
      arrivals.emit('report')
    })
  const reported = async (pattern: RegExp) => {
    while (!reports.some((report) => pattern.test(report))) await once(arrivals, 'report')
  }
  return { pipe, reports, open, reported }
}

test('a pipe without a reader does not block, and gets its lines later', async (t) => {
  const { pipe, reports, open } = await pipeFor(t)
  const log = open()
  assert.deepEqual(reports, [`the access log waits for a reader: ${pipe} is a pipe without a reader`])
  const settled = Promise.all([append(log, Buffer.from('one\n')), append(log, Buffer.from('two\n'))])
  const read = text(spawn('cat', [pipe]).stdout)
  await settled
  await log.close()
  assert.equal(await read, 'one\ntwo\n')
})

test('a pipe whose reader closes it is written again when there is a new reader', async (t) => {
  const { pipe, reports, open, reported } = await pipeFor(t)
  const first = await openFile(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const log = open()
  await append(log, Buffer.from('one\n'))
  assert.equal((await first.read()).buffer.toString('latin1', 0, 4), 'one\n')
  await first.close()
  const early = append(log, Buffer.from('two\n'))
  await reported(/the reader of .* has closed it$/)
  const second = text(spawn('cat', [pipe]).stdout)
  await early
  await append(log, Buffer.from('three\n'))
  await reported(/^the access log can be written again$/)
  await log.close()
  assert.equal(await second, 'two\nthree\n')
  assert.deepEqual(reports, [
    `the access log waits for a reader: the reader of ${pipe} has closed it`,
    'the access log can be written again',
  ])
})

test('a full pipe does not block the close', async (t) => {
  const { pipe, reports, open } = await pipeFor(t)
  const reader = await openFile(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const log = open()
  const lines = Buffer.from('a line\n'.repeat(50_000))
  log.append(lines)
  log.append(lines)
  await log.close()
  assert.deepEqual(reports, ['the access log has lost 100000 lines'])
  await reader.close()
})

test('a file that ends in the middle of a line after a crash is continued on a new line', async (t) => {
  const file = join(await folderFor(t), 'access.log')
  await writeFile(file, 'half a li')
  const log = new LogFile(file, 'the access log', assert.fail)
  await append(log, LINE)
  await append(log, LINE)
  await log.close()
  assert.equal(await readFile(file, 'utf8'), 'half a li\na line\na line\n')
})

test('the line after one that was cut off by a full disk starts on a new line', async (t) => {
  const file = join(await folderFor(t), 'access.log')
  const program = `
    import { once } from 'node:events'
    import { LogFile } from '${new URL('../../src/observability/log-file.ts', import.meta.url)}'
    const log = new LogFile(${JSON.stringify(file)}, 'the access log', (message) => console.log(message))
    log.append(Buffer.from('one\\n' + 'x'.repeat(5000) + '\\n'))
    await once(process.stdin, 'data')
    log.append(Buffer.from('three\\n'))
    await log.close()
    process.exit()`
  // A limit on file size ends a write like a full disk: first a short write, then an error.
  const limited = ['-c', 'ulimit -f 4; exec "$0" --input-type=module -e "$1"', process.execPath, program]
  const child = spawn('/bin/sh', limited, { stdio: ['pipe', 'pipe', 'inherit'] })
  const reports = new Lines(child.stdout)
  await reports.find(/cannot be written: EFBIG/)
  assert.match(await readFile(file, 'utf8'), /^one\nx+$/)
  await truncate(file, 100)
  child.stdin.write('go on')
  await once(child, 'close')
  assert.equal(await readFile(file, 'utf8'), `one\n${'x'.repeat(96)}\nthree\n`)
  assert.deepEqual(reports.all.slice(1), ['the access log has lost 1 line'])
})

test('a directory is refused', async (t) => {
  const folder = await folderFor(t)
  assert.throws(() => new LogFile(folder, 'the access log', assert.fail), { code: 'EISDIR' })
})
