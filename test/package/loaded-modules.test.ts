import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startLimpet } from '../support/limpet.ts'

/** Each takes megabytes of every thread that loads it. */
const large = ['tls', 'https', 'http2', 'http', 'internal/deps/undici/undici']

for (const entry of ['worker/data-plane.ts', 'control/balancer.ts']) {
  test(`${entry} loads no large module of Node.js before it is needed`, () => {
    const url = new URL(`../../src/${entry}`, import.meta.url).href
    const script = `await import('${url}'); console.log(JSON.stringify(process.moduleLoadList))`
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
    })
    const loaded: string[] = JSON.parse(output)
    assert.ok(loaded.includes('NativeModule net'), 'the list has the names that are expected here')
    assert.deepEqual(
      large.filter((name) => loaded.includes(`NativeModule ${name}`)),
      [],
    )
  })
}

test('a start that finds no socket in its place loads no HTTP client to ask who listens there', async (t) => {
  const report = `
    import { isMainThread } from 'node:worker_threads'
    if (isMainThread) process.once('exit', () => console.error('loaded', JSON.stringify(process.moduleLoadList)))
  `
  const limpet = await startLimpet(
    t,
    {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 1,
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers: ['127.0.0.1:1'] } },
    },
    { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}` } },
  )
  await limpet.errors.find(/the admin API answers on .*\.sock/)
  limpet.process.kill('SIGTERM')
  const [, list] = await limpet.errors.find(/^loaded (\[.*\])$/)
  const loaded: string[] = JSON.parse(list!)
  assert.ok(loaded.includes('NativeModule net'), 'the list has the names that are expected here')
  assert.ok(!loaded.includes('NativeModule _http_client'))
})
