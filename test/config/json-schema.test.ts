import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/file.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema())

test('limpet.schema.json is what `npm run schema` would write', () => {
  assert.deepEqual(JSON.parse(read('limpet.schema.json')), JSON.parse(JSON.stringify(jsonSchema())))
})

test('every key is described, and documented in docs/configuration.md or on the page of its filter', () => {
  const pages = readdirSync(new URL('docs/filters/', root)).map((page) => `docs/filters/${page}`)
  const documentation = ['docs/configuration.md', 'docs/filters.md', ...pages].map(read).join()
  for (const [key, { description }] of keysOf(jsonSchema())) {
    assert.ok(description, `${key} has no description`)
    assert.ok(documentation.includes(`\`${key}\``), `${key} is not documented`)
  }
})

describe('each example is valid by the schema and in the program', () => {
  for (const file of readdirSync(new URL('examples/', root)).filter((file) => file.endsWith('.yaml'))) {
    test(file, () => {
      const text = read(`examples/${file}`)
      assert.match(text, /^# yaml-language-server: \$schema=\.\.\/limpet\.schema\.json\n/)
      assert.ok(validate(parse(text)), JSON.stringify(validate.errors))
      parseConfig(text, file, {})
    })
  }
})

describe('the schema and the program agree', () => {
  const fixtures = 'test/fixtures/config/'
  const files = readdirSync(new URL(fixtures, root))

  for (const file of files.filter((file) => file.endsWith('.effective.yaml'))) {
    test(`${file} is valid`, () => assert.ok(validate(parse(read(fixtures + file))), JSON.stringify(validate.errors)))
  }

  for (const name of ['unknown-keys', 'missing-keys', 'nothing-in-lists', 'wrong-types', 'out-of-range', 'balance']) {
    test(`${name}.yaml is invalid`, () => assert.equal(validate(parse(read(`${fixtures}${name}.yaml`))), false))
  }

  test('a variable is valid in place of a number, a boolean or a word', () => {
    const variables = read(`${fixtures}variables.yaml`)
    assert.ok(validate(parse(variables)), JSON.stringify(validate.errors))
  })
})

/** Every key that the file may have, at any depth, and its schema. */
function keysOf(node: unknown): [string, { description?: string }][] {
  if (node === null || typeof node !== 'object') return []
  const { properties = {} } = node as { properties?: Record<string, { description?: string }> }
  return [...Object.entries(properties), ...Object.values(node).flatMap(keysOf)]
}
