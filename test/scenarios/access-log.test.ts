/** The access log: one line a request, which no client can forge. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { throughTo } from '../support/through.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('shows what was asked, by whom and with what, and what came of it', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('GET /a?b=c HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\nUser-Agent: test/1\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  const time = String.raw`\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`
  const expected = `^127\\.0\\.0\\.1 - - ${time} "GET /a\\?b=c HTTP/1\\.1" 200 2 "http://b/" "test/1" ${origin.address} 200 \\d+\\.\\d{3} new$`
  assert.match(line!, new RegExp(expected))
})

test('cannot be forged by what a client sends', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('GET /" HTTP/1.1\r\nHost: a\r\nUser-Agent: x" 200\t\\ \xff\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  assert.ok(line!.includes(String.raw`"GET /\x22 HTTP/1.1" 200 2 "-" "x\x22 200\x09\x5C \xFF" 127.0.0.1`), line!)
})

test('shows what was no request, made harmless', async (t) => {
  const { limpet, client } = await throughTo(t)
  client.say('\x1b[31m"\x00\n\n')
  await limpet.log.find(/ "\\x1B\[31m\\x22\\x00" 400 \d+ "-" "-" - - \d\.\d{3} -$/)
})

test('as JSON has the same, one object a line', async (t) => {
  const { limpet, origin, client } = await throughTo(t, { accessLog: 'json' })
  client.say('GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: "quoted"\r\nX-Request-Id: mine\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  const { time, seconds, ...rest } = JSON.parse(line!)
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000)
  assert.equal(typeof seconds, 'number')
  assert.deepEqual(rest, {
    client: '127.0.0.1',
    request: 'GET /a HTTP/1.1',
    status: 200,
    bytes: 2,
    userAgent: '"quoted"',
    upstream: [origin.address],
    upstreamStatus: [200],
    reason: 'new',
    requestId: 'mine',
  })
})

test('in a file is opened anew on USR1, and loses no line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-log-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'access.log')
  const { limpet, origin, client } = await throughTo(t, { accessLog: { file } })
  const ask = async (path: string) => {
    client.say(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await origin.request()
    origin.say(OK)
    await client.take(/ok$/)
  }
  await ask('/one')
  await holds(file, '/one')
  await rename(file, `${file}.1`)
  limpet.process.kill('SIGUSR1')
  await exists(folder, 'access.log')
  await ask('/two')
  await holds(file, '/two')
  assert.match(await readFile(`${file}.1`, 'utf8'), /^[^\n]*\/one[^\n]*\n$/)
  assert.match(await readFile(file, 'utf8'), /^[^\n]*\/two[^\n]*\n$/)
})

test('can be off', async (t) => {
  const { limpet, origin, client } = await throughTo(t, { accessLog: 'off' })
  client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await origin.request()
  origin.say(OK)
  await client.goodbye()
  limpet.process.kill('SIGTERM')
  await limpet.exit
  assert.deepEqual(limpet.log.all, [])
})

/** Resolves once `text` stands in the file. */
async function holds(file: string, text: string): Promise<void> {
  const watcher = watch(file)
  try {
    while (!(await readFile(file, 'utf8')).includes(text)) await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}

/** Resolves once there is a file of that name in the folder. */
async function exists(folder: string, name: string): Promise<void> {
  const watcher = watch(folder)
  try {
    while (
      await readFile(join(folder, name)).then(
        () => false,
        () => true,
      )
    )
      await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}
