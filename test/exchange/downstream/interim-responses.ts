import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Arrangement, bodyOf, MB } from './arrangement.ts'

export function interimResponses(arrangement: Arrangement): void {
  describe(`${arrangement.kind.name}: interim responses`, () => {
    test('100 (Continue), on which the client sends its body', async (t) => {
      const { client, origin, worker } = await arrangement.clientOf(t, () => assert.fail('there is an expectation'))
      origin.server.on('checkContinue', async (request, response) => {
        response.writeContinue()
        response.end(await bodyOf(request))
      })
      const exchange = client.ask({ method: 'PUT', body: 5, fields: { expect: '100-continue' } })
      await exchange.response.informed(1)
      exchange.send(Buffer.from('hello'))
      exchange.end()
      const { status, body } = await exchange.response.over()
      assert.deepEqual([status, String(body)], [200, 'hello'])
      assert.deepEqual(
        exchange.response.interim.map((head) => head.status),
        [100],
      )
      await arrangement.assertRecord(worker, 200, 5)
    })

    test('none, but a final answer, on which the client keeps its body', async (t) => {
      const { client, origin, worker } = await arrangement.clientOf(t, () => assert.fail('there is an expectation'))
      origin.server.on('checkContinue', (_, response) => response.writeHead(401, { 'Content-Length': 2 }).end('no'))
      const exchange = client.ask({ method: 'PUT', body: 5 * MB, fields: { expect: '100-continue' } })
      const { status, body, outcome } = await exchange.response.over()
      assert.deepEqual([status, String(body), outcome], [401, 'no', 'whole'])
      assert.deepEqual(exchange.response.interim, [])
      await arrangement.assertRecord(worker, 401, 2)
    })

    test('103 (Early Hints), before the response', async (t) => {
      const hinted = Promise.withResolvers<void>()
      const { client, worker } = await arrangement.clientOf(t, async (_, response) => {
        response.writeEarlyHints({ link: '</style.css>; rel=preload' })
        await hinted.promise
        response.end('page')
      })
      const { response } = client.ask({})
      await response.informed(1)
      hinted.resolve()
      assert.equal(String((await response.over()).body), 'page')
      const [{ status, fields }] = response.interim as [(typeof response.interim)[0]]
      assert.deepEqual([status, fields.link], [103, '</style.css>; rel=preload'])
      await arrangement.assertRecord(worker, 200, 4)
    })
  })
}
