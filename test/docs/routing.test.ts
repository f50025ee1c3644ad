import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'

const page = await readFile(new URL('../../docs/routing.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)
const upstreams = 'upstreams: { web: { servers: ["10.0.0.1:80"] }, api: { servers: ["10.0.0.2:80"] } }\n'

describe('each example of docs/routing.md is a configuration', () => {
  for (const [index, text] of examples.entries())
    test(`example ${index + 1}`, () => {
      const complete = text.includes('upstreams:') ? text : text + upstreams
      assert.ok(parseConfig(complete, 'limpet.yaml', {}).routes.length > 1)
    })
})
