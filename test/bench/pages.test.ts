import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { renewBlocks } from '../../bench/report/write.ts'

const page = 'Before.\n\n<!-- bench:targets -->\nold\n<!-- /bench:targets -->\n\nAfter.\n'

test('updates a block of a page repeatedly', () => {
  const blocks = new Map([['targets.md', '| new |\n']])
  const once = renewBlocks(page, blocks)
  assert.equal(once, 'Before.\n\n<!-- bench:targets -->\n\n| new |\n\n<!-- /bench:targets -->\n\nAfter.\n')
  assert.equal(renewBlocks(once, blocks), once)
})

test('leaves a block unchanged if there is no content for it', () => {
  assert.equal(renewBlocks(page, new Map()), page)
})

test('the pages have a place for what the bench writes', () => {
  const places = { summary: 'README.md', targets: 'docs/performance.md', survival: 'docs/survival.md' }
  for (const [block, page] of Object.entries(places)) {
    const before = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8')
    const after = renewBlocks(before, new Map([[`${block}.md`, '| renewed |\n']]))
    assert.match(after, /\n\n\| renewed \|\n\n/, page)
  }
})
