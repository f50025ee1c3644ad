/** What `npm run dashboard` builds. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}dashboard/dist/`
/** In bytes: what a browser loads, compressed. */
const BUDGET = 150_000

before(() => execFileSync(process.execPath, [`${root}scripts/build-dashboard.ts`, '--if-stale'], { stdio: 'pipe' }))

test('the whole dashboard is less than 150 kB, compressed', () => {
  const files = globSync('**/*.{html,js,css,svg,woff2}', { cwd: folder })
  assert.ok(files.length >= 4, files.join())
  const sizes = files.map((file) => ({
    file,
    size: statSync(folder + (file.endsWith('.woff2') ? file : `${file}.br`)).size,
  }))
  const sum = sizes.reduce((total, { size }) => total + size, 0)
  assert.ok(sum < BUDGET, `${sum} bytes: ${sizes.map(({ file, size }) => `${file} ${size}`).join(', ')}`)
})

test('every file that is text is there compressed, too', () => {
  for (const file of globSync('**/*.{html,js,css,svg}', { cwd: folder })) {
    for (const ending of ['.br', '.gz']) assert.ok(statSync(folder + file + ending).size > 0, file + ending)
  }
})

test('its page has no script or style of its own, and nothing comes from elsewhere', () => {
  const page = readFileSync(`${folder}index.html`, 'utf8')
  assert.doesNotMatch(page, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/i)
  for (const file of globSync('**/*.{html,js,css}', { cwd: folder })) {
    const loaded = /(?:src|href)="(?:https?:)?\/\/|url\(["']?(?:https?:|\/\/|data:)|import\(["']https?:|@import/i
    assert.doesNotMatch(readFileSync(folder + file, 'utf8'), loaded, file)
  }
})

test('the licenses of what is in it are beside it', () => {
  const licenses = readFileSync(`${folder}LICENSES`, 'utf8')
  for (const library of ['preact', '@preact/signals', 'uplot', '@fontsource-variable/geist']) {
    assert.match(licenses, new RegExp(`^${library} [\\d.]+\\n\\n.*(MIT|Copyright)`, 'm'))
  }
})

test('is built again only from other sources', () => {
  const build = () =>
    execFileSync(process.execPath, [`${root}scripts/build-dashboard.ts`, '--if-stale'], { stdio: 'pipe' })
  const before = statSync(`${folder}index.html`).mtimeMs
  build()
  assert.equal(statSync(`${folder}index.html`).mtimeMs, before)
})
