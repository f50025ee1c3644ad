/** Bodies of any size, both ways, at flat memory. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { throughTo } from '../support/through.ts'
import { bytes, describeLargeBodies, download, MEGABYTE, oneServer } from './large-bodies.ts'

describeLargeBodies(500)

test('a server gets only a few buffers ahead of a slow client', async (t) => {
  const size = 256 * MEGABYTE
  let sent = 0
  const origin = await httpOrigin(t, (_request, response) => {
    const source = Readable.from(bytes(size)).on('data', (data: Buffer) => {
      sent += data.length
    })
    pipeline(source, response).catch(() => {})
  })
  const limpet = await startLimpet(t, oneServer(origin))
  let received = 0
  let ahead = 0
  for await (const data of await download(limpet.url)) {
    received += data.length
    ahead = Math.max(ahead, sent - received)
    // Many turns of the loop for each piece: the server has all the time it wants.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  assert.equal(received, size)
  assert.ok(ahead < 24 * MEGABYTE, `the server was ${ahead} bytes ahead`)
})

test('the answer to HEAD keeps its length and has no body', async (t) => {
  const { origin, client } = await throughTo(t)
  for (let i = 0; i < 2; i++) {
    client.say('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request(/HEAD/)
    const head = 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 1000\r\n\r\n'
    origin.say(head)
    assert.equal(await client.take(/\r\n\r\n/), head)
  }
})

test('chunks are passed on as they arrive, in both directions at once', async (t) => {
  const { origin, client } = await throughTo(t)
  client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  assert.match(await origin.request(/hello\r\n$/), /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n5\r\nhello\r\n$/)
  origin.say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n')
  await client.take(/2\r\nhi\r\n$/)
  client.say('0\r\n\r\n')
  assert.equal(await origin.request(/0\r\n\r\n$/), '0\r\n\r\n')
  origin.say('0\r\n\r\n')
  await client.hear(/^0\r\n\r\n$/)
})

test('200 concurrent bodies do not mix', async (t) => {
  const origin = await httpOrigin(t, (request, response) => {
    request.pipe(response)
  })
  const limpet = await startLimpet(t, oneServer(origin))
  const echoes = Array.from({ length: 200 }, async (_, index) => {
    const body = String(index).repeat(1 + ((index * 997) % 40_000))
    const answer = await fetch(limpet.url, { method: 'POST', body })
    assert.equal(await answer.text(), body)
  })
  await Promise.all(echoes)
})
