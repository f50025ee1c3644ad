/** Links between the project's pages lead somewhere, and every page is found. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'

const root = new URL('../../', import.meta.url)
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(new URL('docs/', root), { recursive: true }).map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'))

describe('every link leads to a file, and to a heading that is there', () => {
  for (const page of pages) {
    test(page, () =>
      assert.deepEqual(
        linksOf(page).filter((link) => !isThere(page, link)),
        [],
      ),
    )
  }
})

test('README.md lists every page, and docs/discovery.md and docs/filters.md those of their folders', () => {
  const overviews = ['docs/discovery.md', 'docs/filters.md']
  const listed = [...linksOf('README.md'), ...overviews.flatMap((page) => linksOf(page).map((link) => `docs/${link}`))]
  const missing = pages.filter((page) => page !== 'README.md' && !listed.includes(page))
  assert.deepEqual(missing, [])
})

describe('every page that a file names is there', () => {
  for (const folder of ['src', 'bench', 'scripts', 'test', 'demo', 'examples']) {
    test(folder, () => {
      const files = readdirSync(new URL(folder, root), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|md|yaml|service|logrotate)$/.test(entry.name))
        .map((entry) => `${entry.parentPath}/${entry.name}`)
      assert.notEqual(files.length, 0)
      const named = files.flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([page]) => `${page}, in ${file}`),
      )
      assert.deepEqual(
        named.filter((name) => !pages.includes(name.split(',')[0]!)),
        [],
      )
    })
  }
})

function linksOf(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  return links.filter((link) => !/^[a-z]+:/.test(link))
}

function isThere(page: string, link: string): boolean {
  const { pathname, hash } = new URL(link, new URL(page, root))
  if (!existsSync(pathname)) return false
  return hash === '' || headingsOf(pathname).includes(hash.slice(1))
}

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** A page without what stands in code blocks. */
function proseOf(page: string): string {
  return readFileSync(new URL(page, root), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
}
