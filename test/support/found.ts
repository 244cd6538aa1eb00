/** Where the nodes of a shape stand in a text of JSON, found by a plain walk: for tests of what uses a scan, without the scan. */
import type { Found } from '../../src/enrich/scan.ts'
import type { Shape, ShapeNode } from '../../src/enrich/shape.ts'

export function foundIn(shape: Shape, bytes: Buffer): Found {
  const text = bytes.toString('latin1') // one character a byte
  const found: Found = {
    starts: new Int32Array(shape.slots).fill(-1),
    ends: new Int32Array(shape.slots),
    plain: new Uint8Array(shape.slots),
    tails: new Int32Array(shape.slots),
  }
  let at = 0
  const take = (pattern: RegExp): string => {
    const sticky = new RegExp(pattern, 'y')
    sticky.lastIndex = at
    const taken = sticky.exec(text)?.[0] ?? ''
    at += taken.length
    return taken
  }
  const string = /"(?:[^"\\]|\\.)*"/

  function value(node: ShapeNode | null): void {
    take(/\s*/)
    const start = at
    let tail = -1
    if (take(/\{/) !== '') {
      tail = at
      while (take(/\s*\}/) === '') {
        take(/\s*,?\s*/)
        const name = Buffer.from(take(string), 'latin1').toString()
        take(/\s*:/)
        value(node?.children.find((child) => child.name === JSON.parse(name)) ?? null)
        tail = at
      }
    } else if (take(/\[/) !== '') {
      while (take(/\s*\]/) === '') {
        take(/\s*,?/)
        value(null)
      }
    } else if (take(string) === '') take(/[\w.+-]+/)
    if (node === null) return
    if (tail < 0) for (let below = node.slot + 1; below < node.slotsEnd; below++) found.starts[below] = -1
    found.starts[node.slot] = start
    found.ends[node.slot] = at
    found.plain[node.slot] = /^"[ !#-[\]-~]*"$/.test(text.slice(start, at)) ? 1 : 0
    found.tails[node.slot] = tail
  }
  value(shape.root)
  return found
}
