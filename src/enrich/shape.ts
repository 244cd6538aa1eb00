/** The few paths of an event that anything looks at, as a tree which the scanner walks along with the event's bytes. */
export interface ShapeNode {
  readonly name: string
  readonly nameBytes: Uint8Array
  /** Place of its position in what a scan finds. */
  readonly slot: number
  /** After the last slot of the nodes below it. */
  readonly slotsEnd: number
  readonly children: readonly ShapeNode[]
  /** Bit `length % 32` for each child's name: most names of an event are ruled out by it. */
  readonly childLengths: number
}

export interface Shape {
  readonly root: ShapeNode
  readonly slots: number
}

/** The tree of these paths; a path and its beginning may both be there. */
export function shapeOf(paths: Iterable<readonly string[]>): Shape {
  const root = draft('')
  for (const path of paths) {
    let node = root
    for (const name of path) {
      let child = node.children.get(name)
      if (child === undefined) node.children.set(name, (child = draft(name)))
      node = child
    }
  }
  let slots = 0
  const finish = ({ name, children }: Draft): ShapeNode => {
    const slot = slots++
    const finished = [...children.values()].map(finish)
    const childLengths = finished.reduce((bits, { nameBytes }) => bits | (1 << (nameBytes.length & 31)), 0)
    return { name, nameBytes: Buffer.from(name), slot, slotsEnd: slots, children: finished, childLengths }
  }
  return { root: finish(root), slots }
}

/** The node of a path; the path must be one of the shape's, or the beginning of one. */
export function nodeAt(shape: Shape, path: readonly string[]): ShapeNode {
  return path.reduce((node, name) => node.children.find((child) => child.name === name)!, shape.root)
}

interface Draft {
  readonly name: string
  readonly children: Map<string, Draft>
}

const draft = (name: string): Draft => ({ name, children: new Map() })
