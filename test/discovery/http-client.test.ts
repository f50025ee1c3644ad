import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { HttpClient, urlBelow } from '../../src/discovery/http-client.ts'

async function serve(t: TestContext, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/list`)
}

const { signal } = new AbortController()

test('an answer may have so many bytes, and no more are read', async (t) => {
  const url = await serve(t, (_, response) => {
    const more = () => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', more)
    }
    more()
  })
  await assert.rejects(new HttpClient().ask(url, { signal, largest: 100_000 }), /its answer has more than 100000 bytes/)
})

test('an answer that does not come, or not to its end, is given up', async (t) => {
  const silent = await serve(t, () => undefined)
  await assert.rejects(new HttpClient().ask(silent, { signal, patience: 50 }), /does not answer within 0\.05 s/)
  const stuck = await serve(t, (_, response) => response.write('['))
  await assert.rejects(new HttpClient().ask(stuck, { signal, patience: 50 }), /does not answer within 0\.05 s/)
})

test('no compressed answer is asked for, or read', async (t) => {
  const accepted: unknown[] = []
  const url = await serve(t, ({ headers }, response) => {
    accepted.push(headers['accept-encoding'])
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).write('x')
  })
  await assert.rejects(new HttpClient().ask(url, { signal }), /its answer is compressed \(gzip\), which was not asked/)
  assert.deepEqual(accepted, ['identity'])
})

test('an error in place of a stream is given up where it does not come to its end', async (t) => {
  const stuck = await serve(t, (_, response) => response.writeHead(500).write('no'))
  const lines = new HttpClient().lines(stuck, { signal, patience: 50 })
  await assert.rejects(lines.next(), /does not answer within 0\.05 s/)
})

test('of an answer that reports an error, little is read and shown, in one line', async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(500).end(`no\u001b[2J\n${'x'.repeat(100_000)}`))
  await assert.rejects(new HttpClient().ask(url, { signal }), (error: Error) => {
    assert.match(error.message, /answered \/list with 500: no\\u001b\[2J\\nx+$/)
    assert.ok(error.message.length < 400)
    return true
  })
})

test('lines come as they are complete, across pieces and characters', async (t) => {
  const url = await serve(t, async (_, response) => {
    const bytes = Buffer.from('{"a":1}\n\n{"b":"ü"}\n{"c":3}\nrest')
    for (const byte of bytes) {
      response.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    response.end()
  })
  const lines: string[] = []
  for await (const batch of new HttpClient().lines(url, { signal })) lines.push(...batch)
  assert.deepEqual(lines, ['{"a":1}', '{"b":"ü"}', '{"c":3}'])
})

test('an aborted question ends with the reason', async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(200).flushHeaders())
  const end = new AbortController()
  const reason = new Error('the end')
  const next = new HttpClient().lines(url, { signal: end.signal }).next()
  end.abort(reason)
  await assert.rejects(next, reason)
})

test('the path of a base is kept', () => {
  const query = { tag: ['a b', 'c&d'], none: undefined }
  assert.equal(urlBelow('https://host/k8s/', '/apis', query).href, 'https://host/k8s/apis?tag=a+b&tag=c%26d')
})
