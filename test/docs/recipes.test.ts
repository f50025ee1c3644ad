/** docs/recipes.md and the files in examples/ agree. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { runLimpet } from '../support/limpet.ts'

const root = new URL('../../', import.meta.url)
const examples = readdirSync(new URL('examples/', root)).filter((file) => file.endsWith('.yaml'))
const recipes = readFileSync(new URL('docs/recipes.md', root), 'utf8')

/** The YAML in each recipe, by the file that the table names. */
const settings = new Map(
  [...recipes.matchAll(/^\| \[(.+)\]\(#.*\[(.+)\]\(\.\.\/examples\/\2\) \|$/gm)].map(([, name, file]) => {
    const section = recipes.split(`\n## ${name}\n`)[1]!.split('\n## ')[0]!
    return [file!, /^```yaml\n([\s\S]*?)^```/m.exec(section)?.[1] ?? '']
  }),
)

describe('limpet check accepts an example without a warning', () => {
  for (const file of examples) {
    test(file, async () => {
      const { code, stderr } = await runLimpet(['check', '-c', `examples/${file}`], {}, new URL('.', root).pathname)
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stderr, /warning|error/i)
    })
  }
})

describe('a recipe shows the settings of its example', () => {
  for (const [file, shown] of settings) {
    test(file, () => {
      const { upstreams } = parse(readFileSync(new URL(`examples/${file}`, root), 'utf8'))
      const { servers, ...others } = Object.values(upstreams as Record<string, object>)[0] as { servers: unknown }
      assert.deepEqual(parse(shown), others)
      assert.ok(servers)
    })
  }

  test('every example is in a recipe, except those that are not recipes', () => {
    assert.deepEqual([...settings.keys(), 'https.yaml', 'lab.yaml', 'limpet.yaml'].sort(), examples.sort())
  })
})
