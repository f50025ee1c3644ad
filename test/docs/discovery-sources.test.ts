/** What docs/ says of servers from files and URLs is what happens. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { temporaryFolder } from '../support/folder.ts'
import { LIMPET, Lines, runLimpet } from '../support/limpet.ts'

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const blocks = (text: string, language: string) =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, of, block]) => (of === language ? block! : []))
const route = 'routes: [{ path: /*, upstream: app }]\n'

/** Without the widths of columns, which depend on the folder. */
function words(text: string): string {
  return text.replaceAll(/ +/g, ' ').replaceAll(/ +$/gm, '').trim()
}

test('docs/discovery/file.md shows what limpet discover says of its list', async (test) => {
  const text = page('discovery/file.md')
  const [config, list] = blocks(text, 'yaml')
  const folder = await temporaryFolder(test)
  await writeFile(join(folder, 'limpet.yaml'), route + config!)
  await writeFile(join(folder, 'app.yaml'), list!)
  const { code, stdout } = await runLimpet(['discover'], {}, folder)
  assert.equal(code, 0)
  const [, shown] = /^\$ limpet discover\n(.*)$/s.exec(blocks(text, '')[0]!)!
  assert.equal(words(stdout.replaceAll(`${folder}/`, '')), words(shown!))
})

test('docs/commands.md shows what limpet discover prints', async (test) => {
  const shown = blocks(page('commands.md'), '').find((block) => block.startsWith('$ limpet discover'))!
  const [command, ...expected] = shown.split('\n')
  const folder = await temporaryFolder(test)
  const list =
    '[{"name":"web-1","address":"10.0.0.1"},{"name":"web-2","address":"10.0.0.2","weight":3,"state":"drain"}]'
  await writeFile(
    join(folder, 'limpet.yaml'),
    `${route}upstreams: { app: { servers: { from: file, path: app.yaml } } }\n`,
  )
  await writeFile(join(folder, 'app.yaml'), list)
  const { stdout } = await runLimpet(command!.split(' ').slice(2), {}, folder)
  assert.equal(words(stdout.replaceAll(`${folder}/`, '')), words(expected.join('\n')))
})

test('docs/discovery/http.md hands servers on, and its configuration is accepted', async (test) => {
  const text = page('discovery/http.md')
  const [config] = blocks(text, 'yaml')
  assert.doesNotThrow(() => parseConfig(route + config!, 'limpet.yaml', { INVENTORY_TOKEN: 'secret' }))
  const folder = await temporaryFolder(test)
  await mkdir(join(folder, 'limpet'))
  await writeFile(
    join(folder, 'discovery.yaml'),
    `${route}upstreams: { app: { servers: { from: file, path: a.yaml } } }\n`,
  )
  await writeFile(join(folder, 'a.yaml'), '- 10.0.0.1:80\n')
  const [command, says] = blocks(text, '')[0]!.replaceAll('/run/', `${folder}/`).split('\n')
  const child = spawn(process.execPath, [LIMPET, ...command!.split(' ').slice(2)], { cwd: folder })
  const exit = once(child, 'close')
  test.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const lines = new Lines(child.stderr)
  await lines.find(/1 server$/)
  assert.equal(lines.all[0], says)
  assert.equal((await stat(join(folder, 'limpet', 'servers.sock'))).mode & 0o777, 0o660)
  const inner = join(folder, 'limpet.yaml')
  const [url] = /unix:\/run\/[^']*/.exec(text.slice(text.indexOf('has\n`{ from: http')))!
  const source = `{ from: http, url: '${url!.replace('/run/', `${folder}/`)}' }`
  await writeFile(inner, `${route}upstreams: { app: { servers: ${source} } }\n`)
  const { stdout } = await runLimpet(['discover', '-c', inner])
  assert.match(stdout, /10\.0\.0\.1:80 +10\.0\.0\.1:80 +ready/)
})
