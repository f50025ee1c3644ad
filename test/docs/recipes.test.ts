/** docs/recipes.md and the files in examples/ agree. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
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
    test(file, async (t) => {
      const place = await withItsCertificates(t, new URL(`examples/${file}`, root))
      const { code, stderr } = await runLimpet(['check', '-c', place])
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
    const others = ['acme.yaml', 'lab.yaml', 'limpet.yaml', 'tls.yaml']
    assert.deepEqual([...settings.keys(), ...others].sort(), examples.sort())
  })
})

/** The path of a copy of the example beside which the files are that it names for TLS; of the example itself if it names none. */
async function withItsCertificates(t: TestContext, example: URL): Promise<string> {
  const text = readFileSync(example, 'utf8')
  if (!text.includes('tls:')) return example.pathname
  const folder = await temporaryFolder(t)
  const authority = await TestAuthority.create()
  const { cert, key } = await (await authority.intermediate()).issue(['example.org'])
  const content: Record<string, string> = { cert, key, ca: authority.ca }
  const named = text.replaceAll(/\b(cert|key|ca): ([^ ,}\n]+)/g, (_, name: string, file: string) => {
    const path = join(folder, file.replaceAll('/', '_'))
    writeFileSync(path, content[name]!, { mode: 0o600 })
    return `${name}: ${path}`
  })
  writeFileSync(join(folder, 'limpet.yaml'), named)
  return join(folder, 'limpet.yaml')
}
