// The page of one approval.
import { connect } from "./desk.js";
