/** How the program stops, and what happens when it is started twice. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { get, type ServerResponse } from 'node:http'
import { constants } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from '../support/folder.ts'
import { LIMPET, Lines, runLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { answers } from '../support/port.ts'
import { RawClient } from '../support/raw-client.ts'
import { throughTo } from '../support/through.ts'
import { until } from '../support/until.ts'

const DATE = 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n'
const OK = `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 2\r\n\r\nok`

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
  describe(signal, () => {
    test('lets requests in flight finish, closes idle connections, and exits with 0', async (t) => {
      const { limpet, origin, client } = await throughTo(t)
      const idle = await RawClient.connect(t, limpet.port)
      idle.say('GET /idle HTTP/1.1\r\nHost: a\r\n\r\n')
      await origin.request()
      origin.say(OK)
      await idle.take(/ok$/)
      client.say('GET /busy HTTP/1.1\r\nHost: a\r\n\r\n')
      await origin.request(/busy/)
      limpet.process.kill(signal)
      await idle.goodbye()
      await assert.rejects(RawClient.connect(t, limpet.port))
      origin.say(OK)
      assert.equal(
        await client.hear(/ok$/),
        `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 2\r\nConnection: close\r\n\r\nok`,
      )
      client.socket.end()
      assert.equal(await limpet.exit, 0)
      assert.equal((await limpet.log.matching(/ 200 2 /, 2)).length, 2)
    })

    test('sent again ends the program at once', async (t) => {
      const { limpet, origin, client } = await throughTo(t)
      client.say('GET /busy HTTP/1.1\r\nHost: a\r\n\r\n')
      await origin.request()
      limpet.process.kill(signal)
      await limpet.errors.find(/again to end at once/)
      limpet.process.kill(signal)
      assert.equal(await limpet.exit, 128 + constants.signals[signal])
    })
  })
}

test('after a response that began before the signal, the connection is closed and the program ends', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request()
  origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
  await client.hear(/o$/)
  limpet.process.kill('SIGTERM')
  await limpet.errors.find(/again to end at once/)
  const letIn = () =>
    RawClient.connect(t, limpet.port).then(
      () => true,
      () => false,
    )
  await until(async () => !(await letIn()))
  origin.say('k')
  await client.goodbye()
  client.socket.end()
  assert.equal(await limpet.exit, 0)
})

test('a signal while workers are being started, however long that takes, loses no request of those that already listen', async (t) => {
  const asked = Promise.withResolvers<ServerResponse>()
  const origin = await httpOrigin(t, (_request, response) => asked.resolve(response))
  const port = await freePort()
  const letStart = join(await temporaryFolder(t), 'start')
  const limpet = spawn(process.execPath, [LIMPET, 'run'], {
    env: {
      ...process.env,
      PORT: String(port),
      LIMPET_WORKERS: '2',
      STATIC_APP: origin.address,
      DYNAMIC_BACKEND: origin.address,
      NODE_OPTIONS: `--import ${new URL('held-start.ts', import.meta.url)}`,
      LET_START: letStart,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => limpet.kill('SIGKILL'))
  const exit = once(limpet, 'exit')
  const errors = new Lines(limpet.stderr)
  await answers(port)
  const answered = once(get({ port, host: '127.0.0.1', agent: false }), 'response')
  const response = await asked.promise
  limpet.kill('SIGTERM')
  await errors.find(/again to end at once/)
  // A start that serves nobody yet would be given up by then.
  await Promise.race([exit, pause(1500)])
  response.end('served')
  const [{ statusCode }] = await answered
  assert.equal(statusCode, 200)
  await writeFile(letStart, '')
  assert.deepEqual(await exit, [0, null])
})

test('an exchange that lasts longer than timeouts.stop is cut off, and the exit code is still 0', async (t) => {
  const { limpet, origin, client } = await throughTo(t, { timeouts: { stop: '300ms' } })
  client.say('GET /busy HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request()
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
})

test('a second Limpet on the same port fails and says why, and the first serves on', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  const env = { STATIC_BACKEND: '127.0.0.1:1', DYNAMIC_BACKEND: '127.0.0.1:1', PORT: String(limpet.port) }
  const second = await runLimpet(['run'], env)
  assert.equal(second.code, 1)
  assert.match(
    second.stderr,
    new RegExp(`^limpet: cannot listen on 0.0.0.0 port ${limpet.port}: another program listens there`),
  )
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request()
})
