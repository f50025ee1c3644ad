/** What a collector may do to the export of spans. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { OtlpExporter } from '../../../src/control/tracing/otlp-exporter.ts'

const WITHIN = 200

async function collector(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function exporterTo(endpoint: string): OtlpExporter {
  const headers = { Authorization: 'Bearer of a collector' }
  return new OtlpExporter({ endpoint, headers, sample: 1, serviceName: 'limpet', trust: true }, WITHIN)
}

test('an answer that comes byte by byte, without an end, is not waited for', async (t) => {
  const url = await collector(t, (request, response) => {
    const timer = setInterval(() => response.write('.'), WITHIN / 10)
    request.socket.on('close', () => clearInterval(timer))
  })
  assert.equal((await exporterTo(url).export([]))?.message, 'the collector has not answered within 0.2 s')
})

test('a redirect is an error, and nobody else gets the headers', async (t) => {
  const others: string[] = []
  const other = await collector(t, ({ url = '' }, response) => {
    others.push(url)
    response.end()
  })
  const url = await collector(t, (_, response) => response.writeHead(307, { Location: other }).end())
  assert.equal((await exporterTo(url).export([]))?.message, 'the collector answers 307 Temporary Redirect')
  assert.deepEqual(others, [])
})

test('an answer without an end is read up to a limit', async (t) => {
  const url = await collector(t, (_, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
  })
  assert.match((await exporterTo(url).export([]))?.message ?? '', /exceeded size limit|not answered within/)
})
