import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

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
