/**
 * Each file of test/fixtures/config has its outcome beside it: NAME.txt, the text of its errors, or
 * NAME.effective.yaml, the configuration that it comes to. A line `# env NAME=value` sets a variable for the file.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig, readConfigFile } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import type { Config } from '../../src/config/schema.ts'

const folder = new URL('../fixtures/config/', import.meta.url)
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('.effective.yaml'))
  .map((file) => file.slice(0, -'.yaml'.length))
const isRefused = (name: string) => existsSync(new URL(`${name}.txt`, folder))

describe('a file is refused with all that is wrong with it', () => {
  for (const name of names.filter(isRefused)) {
    test(name, () => {
      assert.throws(() => read(name), { name: 'ConfigError', message: golden(`${name}.txt`).trimEnd() })
    })
  }
})

describe('a file comes to its effective configuration', () => {
  for (const name of names.filter((name) => !isRefused(name))) {
    test(name, () => {
      assert.equal(printConfig(read(name), `The effect of ${name}.yaml`), golden(`${name}.effective.yaml`))
    })
  }
})

describe('what is printed loads to the same configuration', () => {
  for (const name of names.filter((name) => !isRefused(name))) {
    test(name, () => assert.deepEqual(parseConfig(golden(`${name}.effective.yaml`), 'printed', {}), read(name)))
  }
})

test('every problem has its place, its path and its message apart', () => {
  assert.throws(
    () => read('balance'),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(String(error), error.message)
      assert.deepEqual(error.problems[0], {
        where: 'balance.yaml:3:17',
        path: 'upstreams.a.balance',
        message: 'expected round-robin or ip-hash, found "iphash"',
        hint: 'did you mean ip-hash?',
      })
      return true
    },
  )
})

function read(name: string): Config {
  const file = new URL(`${name}.yaml`, folder)
  const env = Object.fromEntries(
    [...readFileSync(file, 'utf8').matchAll(/^# env (\w+)=(.*)$/gm)].map(([, variable, value]) => [variable, value]),
  )
  return readConfigFile(file.pathname, `${name}.yaml`, env)
}

function golden(file: string): string {
  return readFileSync(new URL(file, folder), 'utf8')
}
