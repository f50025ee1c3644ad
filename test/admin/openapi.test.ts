/** The description that the admin API serves of itself, and the client that is made from it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { ServerSettings } from '../../src/admin/server-settings.ts'
import { digestOf, openApiDocument } from './document.ts'

// biome-ignore lint/suspicious/noExplicitAny: the tests check the shape.
const document: any = openApiDocument()

test('is a valid OpenAPI document', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  assert.deepEqual([valid, errors], [true, undefined])
  assert.equal(validator.version, '3.1')
})

test('says of each operation what it answers, also where it refuses', () => {
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path as object))
  assert.ok(operations.length > 20)
  for (const { summary, responses } of operations) {
    assert.ok(summary, JSON.stringify(responses))
    assert.ok('200' in responses && 'application/problem+json' in responses.default.content, summary)
  }
})

test('the client of the tests was made from it', () => {
  const [head] = readFileSync(new URL('../support/admin-api.d.ts', import.meta.url), 'utf8').split('\n')
  assert.ok(head!.includes(digestOf(document)), 'run npm run admin-client')
})

test("knows every setting of a server that the file knows, and the operator's state", () => {
  const schema = JSON.parse(readFileSync(new URL('../../limpet.schema.json', import.meta.url), 'utf8'))
  const inFile = new Set(propertiesOf(schema).find((keys) => keys.includes('maxFails')))
  // What a server is known by does not change, however it is named.
  inFile.delete('id')
  assert.deepEqual(new Set(Object.keys(ServerSettings.shape)), inFile.add('admin'))
})

/** The keys of every object that a schema describes. */
function propertiesOf(schema: unknown): string[][] {
  if (schema === null || typeof schema !== 'object') return []
  const { properties } = schema as { properties?: object }
  const own = properties === undefined ? [] : [Object.keys(properties)]
  return [...own, ...Object.values(schema).flatMap(propertiesOf)]
}
