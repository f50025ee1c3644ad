/**
 * Each file of test/fixtures/config has its outcome beside it: NAME.txt, the text of its errors, or
 * NAME.effective.yaml, its effective configuration. A line `# env NAME=value` sets a variable for the file.
 * `node --test --test-update-snapshots test/config/fixtures.test.ts` rewrites the outcomes. Review the diff.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig, readConfigFile } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import type { Config } from '../../src/config/schema.ts'

const folder = new URL('../fixtures/config/', import.meta.url)
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('.effective.yaml'))
  .map((file) => file.slice(0, -'.yaml'.length))
const isRefused = (name: string) => existsSync(new URL(`${name}.txt`, folder))

describe('an invalid file is refused with all its problems', () => {
  for (const name of names.filter(isRefused)) {
    test(name, (t) => {
      t.assert.fileSnapshot(`${refusal(name)}\n`, pathOf(`${name}.txt`), asItIs)
    })
  }
})

describe('a valid file gives its effective configuration', () => {
  for (const name of names.filter((name) => !isRefused(name))) {
    test(name, (t) => {
      const effective = printConfig(read(name), `The effect of ${name}.yaml`)
      t.assert.fileSnapshot(effective, pathOf(`${name}.effective.yaml`), asItIs)
    })
  }
})

describe('the printed configuration loads to the same configuration', () => {
  for (const name of names.filter((name) => !isRefused(name))) {
    test(name, () => assert.deepEqual(parseConfig(golden(`${name}.effective.yaml`), 'printed', {}), read(name)))
  }
})

const policies = 'round-robin, ip-hash, hash, consistent-hash, least-connections, random-two or least-time'

test('every problem has its place, path, message and hint as separate fields', () => {
  assert.throws(
    () => read('balance'),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(String(error), error.message)
      assert.deepEqual(error.problems[0], {
        where: 'balance.yaml:3:17',
        path: 'upstreams.a.balance',
        message: `expected ${policies}, found "iphash"`,
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

/** The error text of an invalid file. */
function refusal(name: string): string {
  try {
    read(name)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error(`${name}.yaml was not refused`)
}

const asItIs = { serializers: [(text: string) => text] }

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, folder))
}

function golden(file: string): string {
  return readFileSync(new URL(file, folder), 'utf8')
}
