# SPDX-License-Identifier: Apache-2.0
"""Places boxes in layers, and arrows between them, as scripts/draw-architecture draws them: what includes stands above what is
included. The same input gives the same picture.

A box is named by a folder. Those with the same first folder are a group with rows of its own; a layer is one group, or several
side by side. An arrow over several rows gets a place in each of them, so that it passes beside the boxes and not behind them.
"""

from collections import Counter
from itertools import pairwise

WIDTH, MARGIN, PADDING = 1040, 24, 16  # of the picture at least; around it; inside a group
ROOM, LANE, SPACE = 48, 16, 26  # height of a box; width of an arrow that passes by; between boxes
ROW_GAP, LAYER_GAP, HEADLINE, CAPTION, FOOT = 36, 44, 58, 20, 44  # between rows; layers; above the first; in a group of several; below
PORT, CORNER = 18, 12  # between two ends of arrows; from a box's corner to the first of them


def top(room):
    return room.split("/")[0]


# --- What stands above what ---


def ordered(names, weights):
    """NAMES from above to below, so that the WEIGHTS (pair → number) of what points upward are the least that can be. What nothing points
    to is above the rest, what points to nothing below it; what remains then is in circles."""
    core, above, below = list(names), [], []
    while core:
        entered = {other for name in core for other in core if weights.get((name, other))}
        left = {name for name in core for other in core if weights.get((name, other))}
        first, last = [name for name in core if name not in entered], [name for name in core if name in entered and name not in left]
        if not first and not last:
            break
        above, below = above + first, last + below
        core = [name for name in core if name not in first and name not in last]
    return above + unwound(core, weights) + below


def unwound(names, weights):
    """The same of circles: exact, by the best order of every subset. What nothing decides stays in the order of NAMES."""
    best = {0: (0, ())}
    for subset in range(1, 1 << len(names)):
        choices = []
        for index, last in enumerate(names):
            if subset >> index & 1:
                cost, above = best[subset & ~(1 << index)]
                choices.append((cost + sum(weights.get((last, name), 0) for name in above), (*above, last)))
        best[subset] = min(choices, key=lambda choice: (choice[0], [names.index(name) for name in choice[1]]))
    return list(best[(1 << len(names)) - 1][1])


def levels(names, weights):
    """Name → how many others it stands on, at most, going only down in the best order."""
    order = ordered(names, weights)
    level = {}
    for position in range(len(order) - 1, -1, -1):
        below = [level[name] for name in order[position + 1 :] if weights.get((order[position], name))]
        level[order[position]] = 1 + max(below, default=-1)
    return level


def reachable(start, arrows, without):
    found, todo = set(), [start]
    while todo:
        at = todo.pop()
        for arrow in arrows:
            if arrow[0] == at and arrow != without and arrow[1] not in found:
                found.add(arrow[1])
                todo.append(arrow[1])
    return found


def needed(includes, rank):
    """Of the INCLUDES those to draw: without what a chain of other ones that lead down implies. Two folders that include each other
    stay, and so does what leads up."""
    down = {pair for pair in includes if rank[pair[0]] > rank[pair[1]]}
    return [pair for pair in includes if pair not in down or pair[::-1] in includes or pair[1] not in reachable(pair[0], down, pair)]


# --- Where it stands ---


def spread(wanted, widths, low, high):
    """The positions nearest to the WANTED ones, in this order, of things that are WIDTHS wide, between LOW and HIGH: an isotonic
    regression of what is left when the widths are taken away, by pooling neighbours that are out of order."""
    offsets, at = [], 0.0
    for width in widths:
        offsets.append(at + width / 2)
        at += width
    pools = []
    for want, offset in zip(wanted, offsets):
        pools.append((want - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, n), (other, m) = pools.pop(), pools.pop()
            pools.append(((one * n + other * m) / (n + m), n + m))
    values = [value for value, count in pools for _ in range(count)]
    return [min(max(value, low), max(low, high - at)) + offset for value, offset in zip(values, offsets)]


class Node:
    """A box, or (as WIDE as a lane) the place where an arrow passes a row of boxes. SLOT is its group, or the number of the gap before,
    between or after the groups of its layer; ROWS go from below to above."""

    def __init__(self, slot, rows, width, whole=False):
        self.slot, self.rows, self.width, self.whole = slot, rows, width, whole
        self.x, self.region, self.above, self.below = 0.0, (0.0, 0.0), [], []

    def reach(self):
        """(left, right) of where an arrow can meet it."""
        if self.width == LANE:
            return self.x, self.x
        left, right = self.region if self.whole else (self.x - (self.width - SPACE) / 2, self.x + (self.width - SPACE) / 2)
        return left + CORNER, right - CORNER

    def pull(self, x):
        """Where something at X would like to meet it: straight, if it fills its layer."""
        return min(max(x, self.reach()[0]), self.reach()[1]) if self.whole else self.x


class Layout:
    """ROOMS (folders), what they INCLUDE of each other (pair → number), and what they MAY include (folder → folders), which decides about
    the layers."""

    def __init__(self, rooms, includes, may):
        self.place(rooms, includes, may)
        self.arrows = needed(includes, self.rank)
        self.nodes, self.chains = {}, {}
        for room in rooms:
            rows, whole = self.rows_of(room), self.alone(top(room))
            self.nodes[room] = Node(top(room), rows, max(140, 9 * len(room) + 30) + SPACE, whole)
        for one, other in self.arrows:
            if (other, one) not in self.chains:
                self.chains[one, other] = self.chain(*sorted((one, other), key=lambda room: -self.rank[room]))
        self.regions()
        self.settle()
        self.straighten()
        self.heights()

    def place(self, rooms, includes, may):
        """Layers by what they may include, rows in a layer by what its folders do include."""
        groups = list(dict.fromkeys(top(room) for room in rooms))
        between = Counter((top(room), top(other)) for room in rooms for other in may[room] if top(room) != top(other))
        level = levels(groups, between)
        self.layers = [[group for group in groups if level[group] == number] for number in range(max(level.values()) + 1)]
        self.rooms = {group: [room for room in rooms if top(room) == group] for group in groups}
        inside = {group: levels(members, includes) for group, members in self.rooms.items()}
        self.first, self.count = [], []
        for layer in self.layers:
            self.first.append(sum(self.count))
            self.count.append(max(1 + max(inside[group].values()) for group in layer))
        self.layer = {group: number for number, layer in enumerate(self.layers) for group in layer}
        self.rank = {room: self.first[self.layer[group]] + row for group, members in inside.items() for room, row in members.items()}

    def alone(self, group):
        return len(self.rooms[group]) == 1

    def rows_in(self, number):
        return range(self.first[number], self.first[number] + self.count[number])

    def layer_at(self, row):
        return max(number for number, first in enumerate(self.first) if first <= row)

    def rows_of(self, room):
        """A folder that is its group's only one fills it."""
        return self.rows_in(self.layer[top(room)]) if self.alone(top(room)) else range(self.rank[room], self.rank[room] + 1)

    def slot(self, number, upper, lower):
        """Where an arrow from UPPER to LOWER passes the layer NUMBER: through its own group, else through one with room between its
        folders, else on the side."""
        layer = self.layers[number]
        for room in (upper, lower):
            if self.layer[top(room)] == number:
                return top(room)
        target = self.layers[self.layer[top(lower)]]
        right = target.index(top(lower)) * 2 >= len(target)
        through = [group for group in layer if not self.alone(group)]
        return through[-1 if right else 0] if through else len(layer) if right else 0

    def chain(self, upper, lower):
        """The two boxes and the places between them, from above to below."""
        nodes = [self.nodes[upper]]
        for row in range(nodes[0].rows[0] - 1, self.nodes[lower].rows[-1], -1):
            nodes.append(Node(self.slot(self.layer_at(row), upper, lower), range(row, row + 1), LANE))
            self.nodes[upper, lower, row] = nodes[-1]
        nodes.append(self.nodes[lower])
        for high, low in pairwise(nodes):
            high.below.append(low)
            low.above.append(high)
        return nodes

    def in_row(self, row, slot):
        return [node for node in self.nodes.values() if node.slot == slot and row in node.rows]

    def regions(self):
        """(layer, slot) → (left, right): gaps get what passes there, and the groups share the rest by what they need."""
        def need(number, slot):
            inset = 2 * PADDING if isinstance(slot, str) else 0
            return inset + max(sum(node.width for node in self.in_row(row, slot)) for row in self.rows_in(number))

        self.region, layers = {}, []
        for number, layer in enumerate(self.layers):
            gaps, needs = [need(number, gap) for gap in range(len(layer) + 1)], [need(number, group) for group in layer]
            layers.append((number, layer, gaps, needs, 2 * MARGIN + sum(gaps) + SPACE * (len(layer) - 1)))
        self.width = max(WIDTH, *(around + sum(needs) for _, _, _, needs, around in layers))
        for number, layer, gaps, needs, around in layers:
            rest, at = self.width - around, float(MARGIN)
            for gap, group in enumerate(layer):
                self.region[number, gap] = at, at + gaps[gap]
                left = at + gaps[gap]
                right = left + rest * needs[gap] / sum(needs)
                self.region[number, group] = left, right
                at = right + SPACE
            self.region[number, len(layer)] = at - SPACE, at - SPACE + gaps[-1]
        for node in self.nodes.values():
            node.region = self.region[self.layer_at(node.rows[0]), node.slot]
            node.x = sum(node.region) / 2

    def settle(self):
        """Moves everything towards what it is connected with, over and over, alternately from above and from below, and keeps what was
        best."""
        places = sorted({(row, str(node.slot), node.slot) for node in self.nodes.values() for row in node.rows}, key=lambda place: place[:2])
        best = None
        for turn in range(80):
            weights = ((1.0, 0.2), (0.2, 1.0), (1.0, 1.0))[turn % 3]
            for row, _, slot in places if weights[0] < 1 else reversed(places):
                self.settle_row(self.in_row(row, slot), weights)
            cost = self.cost()
            if best is None or cost < best[0]:
                best = cost, [node.x for node in self.nodes.values()]
        for node, x in zip(self.nodes.values(), best[1]):
            node.x = x

    def settle_row(self, nodes, weights):
        def wanted(node):
            pulls = [(other.pull(node.x), weight) for others, weight in zip((node.above, node.below), weights) for other in others]
            pulls.append((sum(node.region) / 2, 0.01 if node.width == LANE else 0.3))  # a picture with its weight in the middle
            return sum(x * weight for x, weight in pulls) / sum(weight for _, weight in pulls)

        goals = sorted(((wanted(node), place, node) for place, node in enumerate(nodes)), key=lambda goal: goal[:2])
        inset = PADDING if isinstance(nodes[0].slot, str) else 0
        low, high = nodes[0].region
        places = spread([goal for goal, _, _ in goals], [node.width for _, _, node in goals], low + inset, high - inset)
        for (_, _, node), x in zip(goals, places):
            node.x = sum(node.region) / 2 if node.whole else x

    def cost(self):
        """Crossings, which confuse most, and the way to the side."""
        steps = [(high, low, low.pull(high.x), high.pull(low.x)) for chain in self.chains.values() for high, low in pairwise(chain)]
        crossings = sum(1 for index, one in enumerate(steps) for other in steps[:index]
                        if one[0].rows[0] == other[0].rows[0] and (one[3] - other[3]) * (one[2] - other[2]) < 0)
        return 150 * crossings + sum(abs(at_low - at_high) for _, _, at_low, at_high in steps)

    def free(self, node):
        """(left, right): how far NODE can move between its neighbours."""
        row = self.in_row(node.rows[0], node.slot)
        inset = (PADDING if isinstance(node.slot, str) else 0) + LANE / 2
        left = [other.x + (other.width + LANE) / 2 for other in row if other.x < node.x]
        right = [other.x - (other.width + LANE) / 2 for other in row if other.x > node.x]
        return max(left, default=node.region[0] + inset), min(right, default=node.region[1] - inset)

    def straighten(self):
        """Where an arrow passes several rows it goes straight for as long as it can."""
        for chain in self.chains.values():
            run, low, high = [], *chain[0].reach()
            for node in [*chain[1:-1], None]:
                left, right = self.free(node) if node else chain[-1].reach()
                if run and max(low, left) > min(high, right):
                    self.align(run, low, high)
                    run, low, high = [], left, right
                elif max(low, left) > min(high, right):
                    low, high = left, right
                low, high = max(low, left), min(high, right)
                run += [node] if node else []
            self.align(run, low, high)

    @staticmethod
    def align(run, low, high):
        if run:
            x = min(max(sum(node.x for node in run) / len(run), low), high)
            for node in run:
                node.x = x

    def heights(self):
        """Row → the upper edge of its boxes, from the topmost down; layer → the upper edge of its groups."""
        self.y, self.upper, at = {}, {}, float(HEADLINE)
        for number in range(len(self.layers) - 1, -1, -1):
            self.upper[number] = at
            at += PADDING + (0 if all(self.alone(group) for group in self.layers[number]) else CAPTION)
            for row in reversed(self.rows_in(number)):
                self.y[row] = at
                at += ROOM + ROW_GAP
            at += PADDING + LAYER_GAP - ROW_GAP
        self.height = at - LAYER_GAP + FOOT

    def group_box(self, group):
        """(left, top, width, height) of a group."""
        number = self.layer[group]
        left, right = self.region[number, group]
        return left, self.upper[number], right - left, self.y[self.first[number]] + ROOM + PADDING - self.upper[number]

    def box(self, room):
        """(left, top, width, height) of a folder."""
        node = self.nodes[room]
        if node.whole:
            return self.group_box(top(room))
        return node.x - (node.width - SPACE) / 2, self.y[node.rows[0]], node.width - SPACE, ROOM

    def ports(self):
        """(pair, at its upper end?) → where the arrow meets the box: as straight as the others let it."""
        result = {}
        for node in self.nodes.values():
            for upper, end, next_to_it in ((True, 0, 1), (False, -1, -2)):
                ends = []
                for pair, chain in self.chains.items():
                    if chain[end] is node:
                        (low, high), other = node.reach(), chain[next_to_it].reach()
                        ends.append(((max(low, other[0]) + min(high, other[1])) / 2, chain[next_to_it].x, pair))
                ends.sort()
                low, high = node.reach()
                places = spread([want for want, _, _ in ends], [PORT] * len(ends), low - PORT / 2, high + PORT / 2)
                result.update({(pair, upper): x for (_, _, pair), x in zip(ends, places)})
        return result
