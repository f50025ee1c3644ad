/** Thousands of routes are applied while a worker goes on serving, and what is applied next waits for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { httpOrigin } from '../support/origin.ts'
import { User } from '../support/user.ts'

test('two configurations in a row take effect in their order, and requests are answered in between', async (t) => {
  const { address } = await httpOrigin(t, (request, response) => response.end(request.url))
  const configOf = (paths: readonly string[]) =>
    JSON.stringify({
      routes: paths.map((path) => ({ path, upstream: 'app' })),
      upstreams: { app: { servers: [address] } },
    })
  const plane = await startDataPlane(t, configOf(['/before']))
  const many = Array.from({ length: 5000 }, (_, index) => `/many-${index}`)
  const order: string[] = []
  const first = plane.apply(configOf(many)).then(() => order.push('many'))
  const second = plane.apply(configOf(['/after'])).then(() => order.push('after'))
  const between = await new User().get(plane.port, '/before')
  assert.ok([200, 404].includes(between.status))
  await Promise.all([first, second])
  assert.deepEqual(order, ['many', 'after'])
  assert.equal((await new User().get(plane.port, '/after')).body, '/after')
  assert.equal((await new User().get(plane.port, '/many-7')).status, 404)
})
