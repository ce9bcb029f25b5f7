// node eventsource.mjs URL: the events of a feed that ends.
import { EventSource } from "eventsource";
import { events } from "../converse.mjs";

console.log(JSON.stringify(await events(new EventSource(process.argv[2]), "stdout")));
